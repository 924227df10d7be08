-- SPDX-License-Identifier: MIT OR Apache-2.0
-- A meeting: members say that they are alive, each for a while, and bring a number; one who says so learns how many
-- there are and what all of them bring. Who has not come again in time is dropped, and the key goes with the last.
--
--   KEYS[1]  the meeting, a hash; times are µs since 1970:
--     all          -> "COUNT SUM NEXT LAST": of all members; none of them ends before NEXT, nor after LAST
--     member:NAME  -> "AMOUNT UNTIL"
--   ARGV[1]  name of the member: any bytes
--   ARGV[2]  what it brings: -2^40 to 2^40
--   ARGV[3]  µs for which it is alive from now on; 0: it leaves
--   ARGV[4]  µs since 1970; left out or 0: the clock of the server
--   answer   how many are alive, and the sum as text, exact up to 2^53: 8192 members at least
--   errors   CORRUPT  a field is not as above; nothing has changed
--
-- Until NEXT nobody ends, and who comes changes COUNT and SUM by what is new about it. From then on, and when somebody
-- leaves, all are counted: while all come in time that is once in a ttl less the time between two of their comings.
-- Cost: four commands; to count, a look at each member besides.
local MOST_TIME = 2^53 - 1

local meeting, own, amount, ttl = KEYS[1], 'member:' .. ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = tonumber(ARGV[4] or '0')
if now == 0 then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end
local till = math.min(now + ttl, MOST_TIME)
local all = {count = 0, sum = 0, next = MOST_TIME, last = now}
local gone = {}

local function count_in(brings, ends)
    all.count, all.sum = all.count + 1, all.sum + brings
    all.next, all.last = math.min(all.next, ends), math.max(all.last, ends)
end

local function member_of(text)
    local brings, ends = text:match('^(-?%d+) (%d+)$')
    if brings and #brings <= 14 and #ends <= 16 then
        return tonumber(brings), tonumber(ends)
    end
end

-- The meeting without this member, as it is known to be; false when it must be counted, nil when it is damaged.
local function remembered()
    local known = redis.call('HMGET', meeting, 'all', own)
    if not known[1] or ttl == 0 then
        return false
    end
    local count, sum, next, last = known[1]:match('^(%d+) (-?%d+) (%d+) (%d+)$')
    if not count or #count + #sum > 40 or #next > 16 or #last > 16 then
        return nil
    elseif tonumber(next) <= now then
        return false
    end
    all.count, all.sum, all.next, all.last = tonumber(count), tonumber(sum), tonumber(next), tonumber(last)
    if known[2] then
        local brings = member_of(known[2])
        if not brings then
            return nil
        end
        all.count, all.sum = all.count - 1, all.sum - brings
    end
    return true
end

-- The same by counting; nil when it is damaged.
local function counted()
    local fields = redis.call('HGETALL', meeting)
    for i = 1, #fields, 2 do
        local field = fields[i]
        if field ~= 'all' then
            local brings, ends = member_of(fields[i + 1])
            if not brings then
                return nil
            elseif field ~= own and ends > now then
                count_in(brings, ends)
            elseif field ~= own or ttl == 0 then
                gone[#gone + 1] = field
            end
        end
    end
    return true
end

local known = remembered()
if known == false then
    known = counted()
end
if not known then
    return redis.error_reply('CORRUPT meeting: a field holds what was never written there')
end
if ttl > 0 then
    count_in(amount, till)
end
if all.count == 0 then
    redis.call('DEL', meeting)
    return {0, '0'}
end
if ttl > 0 then
    local summary = ('%.0f %.0f %.0f %.0f'):format(all.count, all.sum, all.next, all.last)
    redis.call('HSET', meeting, 'all', summary, own, ('%s %.0f'):format(amount, till))
else
    gone[#gone + 1] = 'all'
end
for i = 1, #gone, 1000 do
    redis.call('HDEL', meeting, unpack(gone, i, math.min(i + 999, #gone)))
end
redis.call('PEXPIRE', meeting, math.ceil((all.last - now) / 1000))
return {all.count, ('%.0f'):format(all.sum)}
