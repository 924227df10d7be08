-- SPDX-License-Identifier: MIT OR Apache-2.0
-- Adds to a counter. A key that was not there begins at 0 and gets the ttl; one that was there keeps its own.
--
--   KEYS[1]  the counter: a string
--   ARGV[1]  what to add: a decimal int64, as printf prints it
--   ARGV[2]  ttl of a new key, ms; 0: for ever
--   answer   the sum, as text, since a number of Lua does not hold every int64
--   errors   INVALID  the value is no decimal int64, or the sum would not be one; nothing has changed
--
-- Cost: one command for a new key, else three.
local set = {'SET', KEYS[1], ARGV[1], 'NX'}
if ARGV[2] ~= '0' then
    set[5], set[6] = 'PX', ARGV[2]
end
if redis.call(unpack(set)) then
    return ARGV[1]
end
local sum = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(sum) == 'number' then
    return redis.call('GET', KEYS[1])
end
if sum.err:find('integer', 1, true) or sum.err:find('overflow', 1, true) then
    return redis.error_reply('INVALID no decimal int64, or its sum would be none')
end
return sum
