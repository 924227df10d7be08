-- SPDX-License-Identifier: MIT OR Apache-2.0
-- A meeting: members say that they are alive, each for a while, and bring a number; one who says so learns how many
-- there are and what all of them bring. Who has not come again in time is dropped by whoever comes next, and the key
-- goes with the last.
--
--   KEYS[1]  the meeting: a hash, member -> "AMOUNT UNTIL", UNTIL being µs since 1970
--   ARGV[1]  name of the member: any bytes
--   ARGV[2]  what it brings: -2^40 to 2^40
--   ARGV[3]  µs for which it is alive from now on; 0: it leaves
--   ARGV[4]  µs since 1970; left out or 0: the clock of the server
--   answer   how many are alive, and the sum as text, exact up to 2^53: 8192 members at least
--   errors   CORRUPT  a field is not as above; nothing has changed
--
-- Cost: four commands, and 0.5 µs for each member.
local MOST_TIME = 2^53 - 1

local meeting, member, amount = KEYS[1], ARGV[1], ARGV[2]
local ttl, now = tonumber(ARGV[3]), tonumber(ARGV[4] or '0')
if now == 0 then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end

local count, sum, last, gone = 0, 0, now, {}
local function count_in(brings, till)
    count, sum, last = count + 1, sum + brings, math.max(last, till)
end

local fields = redis.call('HGETALL', meeting)
for i = 1, #fields, 2 do
    local brings, till = fields[i + 1]:match('^(-?%d+) (%d+)$')
    if not brings or #brings > 14 or #till > 16 then
        return redis.error_reply('CORRUPT meeting: a field holds what was never written there')
    elseif tonumber(till) <= now then
        gone[#gone + 1] = fields[i]
    elseif fields[i] ~= member then
        count_in(brings, tonumber(till))
    elseif ttl == 0 then
        gone[#gone + 1] = member
    end
end
if ttl > 0 then
    local till = math.min(now + ttl, MOST_TIME)
    count_in(amount, till)
    redis.call('HSET', meeting, member, ('%s %.0f'):format(amount, till))
end
for i = 1, #gone, 1000 do
    redis.call('HDEL', meeting, unpack(gone, i, math.min(i + 999, #gone)))
end
if ttl > 0 or #gone > 0 then
    redis.call('PEXPIRE', meeting, math.ceil((last - now) / 1000))
end
return {count, ('%.0f'):format(sum)}
