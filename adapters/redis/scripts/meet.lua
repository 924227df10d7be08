-- SPDX-License-Identifier: MIT OR Apache-2.0
-- A meeting: members say that they are alive, each for a while, and bring a number; one who asks learns how many there
-- are and what all of them bring. Who has not come again in time is dropped by whoever comes next, and the key goes
-- with the last.
--
--   KEYS[1]  the meeting: a hash, member -> "AMOUNT UNTIL", UNTIL being µs since 1970
--   ARGV[1]  name of the member
--   ARGV[2]  what it brings: a decimal int64
--   ARGV[3]  µs for which it is alive from now on; 0: it leaves. More than 142 years count as that
--   ARGV[4]  µs since 1970; left out or 0: the clock of the server
--   answer   how many are alive, and the sum as text, at most what an int64 holds
--   errors   CORRUPT  a field is not as above; nothing has changed
--
-- The sum is kept in two parts, HIGH x 10^15 + LOW, each exact in a double.
-- Cost: four commands, and a look at every member: some 0.5 µs each.
local PART, FOREVER = 1e15, 2^52

local function now_by(given)
    local now = tonumber(given or '0')
    if now > 0 then
        return now
    end
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end

local function halves(amount)
    if #amount <= 15 then
        return 0, tonumber(amount)
    end
    local sign, high, low = amount:match('^(-?)(%d-)(' .. ('%d'):rep(15) .. ')$')
    sign = tonumber(sign .. '1')
    return sign * (tonumber(high) or 0), sign * low
end

local function text_of(high, low)
    if high > 0 and low < 0 then
        high, low = high - 1, low + PART
    elseif high < 0 and low > 0 then
        high, low = high + 1, low - PART
    end
    if high > 9223 or high == 9223 and low > 372036854775807 then
        return '9223372036854775807'
    elseif high < -9223 or high == -9223 and low < -372036854775808 then
        return '-9223372036854775808'
    elseif high == 0 then
        return ('%.0f'):format(low)
    end
    return ('%.0f%015.0f'):format(high, math.abs(low))
end

local meeting, member, amount = KEYS[1], ARGV[1], ARGV[2]
local ttl, now = math.min(tonumber(ARGV[3]), FOREVER), now_by(ARGV[4])
local count, high, low, last, gone = 0, 0, 0, 0, {}

local function count_in(text, till)
    local h, l = halves(text)
    count, high, low = count + 1, high + h, low + l
    if low >= PART then
        high, low = high + 1, low - PART
    elseif low <= -PART then
        high, low = high - 1, low + PART
    end
    last = math.max(last, till)
end

local fields = redis.call('HGETALL', meeting)
for i = 1, #fields, 2 do
    local text, till = fields[i + 1]:match('^(-?%d+) (%d+)$')
    if not text then
        return redis.error_reply('CORRUPT member of a meeting: "' .. fields[i]:sub(1, 100):gsub('%c', ' ') .. '"')
    elseif tonumber(till) <= now then
        gone[#gone + 1] = fields[i]
    elseif fields[i] ~= member then
        count_in(text, tonumber(till))
    end
end
if ttl > 0 then
    count_in(amount, now + ttl)
    redis.call('HSET', meeting, member, ('%s %.0f'):format(amount, now + ttl))
else
    gone[#gone + 1] = member
end
for i = 1, #gone, 1000 do
    redis.call('HDEL', meeting, unpack(gone, i, math.min(i + 999, #gone)))
end
if count > 0 then
    redis.call('PEXPIRE', meeting, math.ceil((last - now) / 1000))
end
return {count, text_of(high, low)}
