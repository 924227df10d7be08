-- SPDX-License-Identifier: MIT OR Apache-2.0
-- Sets a value, and its ttl, if the value now is the expected one.
--
--   KEYS[1]  the entry: a string
--   ARGV[1]  the value to set
--   ARGV[2]  its ttl, ms; 0: for ever
--   ARGV[3]  the value that is expected; left out: that there is none
--   answer   1: set; 0: something else is there, or nothing
--
-- Cost: two commands.
if redis.call('GET', KEYS[1]) ~= (ARGV[3] or false) then
    return 0
end
if ARGV[2] == '0' then
    redis.call('SET', KEYS[1], ARGV[1])
else
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
