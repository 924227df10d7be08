-- SPDX-License-Identifier: MIT OR Apache-2.0
-- An account: charges several dimensions in one atomic step: all or nothing, as much as there is, or whatever there is.
-- README.md has arguments, answer and errors. The rules of counting are those of src/store/account.h, to the µs.
--
--   KEYS[1]  the account, a hash; times are µs since 1970:
--     time                           -> when it was changed last; a posting is never before that
--     NAME:sliding:WINDOW:RESOLUTION -> "UNTIL USED B:A B:A ..."  A lies in bucket B, oldest first; USED is the sum
--     NAME:gcra:WINDOW:0             -> "UNTIL LEVEL AT LATEST REFUNDS BORN LOW"
--   UNTIL is when nothing of the dimension counts any more; whoever changes the account next drops it then. The key
--   goes with the last of them; where postings bring their own time it stays a window and a second longer.
--
-- All numbers are whole and at most 2^53, and so are all sums and products that matter, so that a double has them all
-- exactly; a quotient of such numbers is rounded down or up as it should be.
--
-- Cost: a command to read, two to write, one for the time. A refusal takes about 7 times as long as "return 1", a charge
-- about 20 times and each dimension more 10 times; the resolution matters only where a bucket ends, something is given
-- back or a refusal looks for the buckets to wait for.
local MOST, NEVER, SECOND = 2^52, -1, 1000000
local ALL, FORCE = '0', '2'
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max

local account, mode, hold, given = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local force = mode == FORCE
local t
local damaged = false -- something was read that was never written here

local function number(text)
    local value = tonumber(text)
    if value and value >= 0 and value <= 2 * MOST then
        return value
    end
    damaged = true
    return 0
end

-- ---- sliding: used, and the row of buckets as text, which mostly changes at its end alone ----

local sliding = {name = 'sliding'}

function sliding.read(d, text)
    d.width = ceil(d.window / d.resolution)
    d.used, d.row = 0, ''
    if not text then
        return
    end
    local used, row = text:match('^%d+ (%d+) (%d+:[%d: ]*)$')
    local first, oldest = max(0, floor(t / d.width) - d.resolution), number(row and row:match('^%d+'))
    d.used, d.row = number(used), row or ''
    local cut = 1
    if oldest < first then
        for bucket, amount, after in d.row:gmatch('(%d+):(%d+) ?()') do
            if tonumber(bucket) >= first then
                break
            end
            d.used, cut = d.used - amount, after
        end
        d.row = d.row:sub(cut)
    end
    damaged = damaged or d.used < 0 or (d.used == 0) ~= (d.row == '')
end

local function bucket_text(bucket, amount) return ('%.0f:%.0f'):format(bucket, amount) end

-- The newest bucket stands in the last 40 bytes.
local function newest(row) return row:match('(%d+):(%d+)$', -40) end

local function held(d, bucket)
    local amount = (' ' .. d.row):match((' %.0f:(%%d+)'):format(bucket))
    return amount and number(amount) or 0
end

function sliding.room(d)
    if d.amount < 0 then
        return held(d, d.stamp[1])
    end
    return max(0, (force and MOST or d.limit) - d.used)
end

-- Adds to a bucket anywhere in the row, or takes from it.
local function change(row, bucket, amount)
    local texts = {}
    local function put(b, a) texts[#texts + 1] = a > 0 and bucket_text(b, a) or nil end
    for b, a in row:gmatch('(%d+):(%d+)') do
        b, a = tonumber(b), tonumber(a)
        if amount ~= 0 and b >= bucket then
            put(bucket, b == bucket and a + amount or amount)
            amount = 0
        end
        if b ~= bucket then
            put(b, a)
        end
    end
    if amount > 0 then
        put(bucket, amount)
    end
    return table.concat(texts, ' ')
end

function sliding.apply(d)
    if d.amount < 0 then
        d.used = d.used - d.granted
        d.row = change(d.row, d.stamp[1], -d.granted)
        return
    end
    local bucket = floor((t + hold) / d.width)
    local last, amount = newest(d.row)
    d.stamp = {bucket, 0}
    d.used = d.used + d.granted
    if not last then
        d.row = bucket_text(bucket, d.granted)
    elseif tonumber(last) == bucket then
        d.row = d.row:sub(1, -#amount - 1) .. ('%.0f'):format(number(amount) + d.granted)
    elseif tonumber(last) < bucket then
        d.row = d.row .. ' ' .. bucket_text(bucket, d.granted)
    else
        d.row = change(d.row, bucket, d.granted)
    end
end

function sliding.used_by(d) return d.used end

function sliding.retry(d, asked)
    local left = d.used + asked - d.limit
    if asked > d.limit then
        return NEVER
    elseif left <= 0 then
        return 0
    end
    for bucket, amount in d.row:gmatch('(%d+):(%d+)') do
        left = left - amount
        if left <= 0 then
            return (bucket + d.resolution + 1) * d.width - t
        end
    end
    damaged = true
    return 0
end

function sliding.text(d)
    if d.row == '' then
        return nil
    end
    local till = (newest(d.row) + d.resolution + 1) * d.width
    return ('%.0f %.0f %s'):format(till, d.used, d.row), till
end

-- ---- gcra: a level that drains by itself, in units of which a µs has d.scale ----

local gcra = {name = 'gcra'}

function gcra.read(d, text)
    local _, exponent = math.frexp(d.window)
    d.scale = 2^max(0, 40 - exponent)
    d.price = ceil(d.window * d.scale / d.limit)
    d.level, d.latest, d.refunds, d.born, d.low = 0, t, 0, t, 0
    if not text then
        return
    end
    local level, at, latest, refunds, born, low = text:match('^%d+ (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
    local drained = number(level) - (t - number(at)) * d.scale
    latest, refunds, born, low = number(latest), number(refunds), number(born), number(low)
    damaged = damaged or low == 0 or number(at) > t
    if drained > 0 then
        d.level, d.latest, d.refunds, d.born, d.low = drained, latest, refunds, born, low
    end
end

local function refund_price(d) return min(d.price, d.low) end

function gcra.room(d)
    if d.amount > 0 then
        return max(0, floor(((force and MOST - 1 or d.burst * d.price) - d.level) / d.price))
    elseif d.level == 0 or d.stamp[2] < d.born or d.stamp[2] > d.latest then
        return 0
    end
    local left = max(0, d.stamp[1] - d.refunds) - (d.latest - d.stamp[2]) * d.scale
    return floor(max(0, min(left, d.level)) / refund_price(d))
end

function gcra.apply(d)
    if d.amount < 0 then
        local units = d.granted * refund_price(d)
        d.level, d.refunds = d.level - units, d.refunds + units
        if d.refunds >= MOST then
            d.refunds, d.born = 0, t + 1
        end
        return
    end
    d.low = d.level > 0 and refund_price(d) or d.price
    d.level, d.latest = d.level + d.granted * d.price, t
    d.stamp = {d.level + d.refunds, t}
end

function gcra.used_by(d) return ceil(d.level / d.price) end

function gcra.retry(d, asked)
    if asked > d.burst then
        return NEVER
    end
    return ceil(max(0, d.level - (d.burst - asked) * d.price) / d.scale)
end

function gcra.text(d)
    if d.level == 0 then
        return nil
    end
    local till = t + ceil(d.level / d.scale)
    local numbers = '%.0f %.0f %.0f %.0f %.0f %.0f %.0f'
    return numbers:format(till, d.level, t, d.latest, d.refunds, d.born, d.low), till
end

-- ---- a posting ----

local kinds = {['0'] = sliding, ['1'] = gcra}

-- The fields of the account, and the time of the posting.
local function read_account()
    local stored, fields = {}, redis.call('HGETALL', account)
    for i = 1, #fields, 2 do
        stored[fields[i]] = fields[i + 1]
    end
    t = given
    if t == 0 then
        local time = redis.call('TIME')
        t = time[1] * SECOND + time[2]
    end
    t = max(min(t, MOST), stored.time and number(stored.time) or 0)
    return stored
end

local function read_charge(i, stored)
    local kind = kinds[ARGV[i + 1]]
    local d = {
        kind = kind,
        field = ARGV[i] .. ':' .. kind.name .. ':' .. ARGV[i + 2] .. ':' .. ARGV[i + 3],
        window = tonumber(ARGV[i + 2]),
        resolution = tonumber(ARGV[i + 3]),
        limit = tonumber(ARGV[i + 4]),
        burst = tonumber(ARGV[i + 5]),
        amount = tonumber(ARGV[i + 6]),
        stamp = {tonumber(ARGV[i + 7]), tonumber(ARGV[i + 8])},
    }
    kind.read(d, stored[d.field])
    return d
end

-- Says what each charge is granted. False when all of them were to be, and are not.
local function decide(charges)
    local fits = true
    for i = 1, #charges do
        local d = charges[i]
        d.asked = math.abs(d.amount)
        d.granted = d.asked > 0 and min(d.asked, d.kind.room(d)) or 0
        fits = fits and d.granted == d.asked
    end
    return fits or mode ~= ALL
end

-- Says how the account is after the posting: what to set, what to drop, and for how many µs it is to stay.
local function account_after(charges, stored)
    local set, drop, till, longest = {'HSET', account, 'time', ('%.0f'):format(t)}, {'HDEL', account}, t, 0
    local function keep(own, window) till, longest = max(till, own), max(longest, window) end
    for i = 1, #charges do
        local d = charges[i]
        local text, own = d.kind.text(d)
        if text then
            keep(own, d.window)
        elseif stored[d.field] then
            drop[#drop + 1] = d.field
        end
        if text and d.granted > 0 then
            set[#set + 1], set[#set + 2] = d.field, text
        end
        stored[d.field] = nil
    end
    stored.time = nil
    for field, text in pairs(stored) do
        local own = number(text:match('^(%d+) '))
        if own > t then
            keep(own, number(field:match(':(%d+):%d+$')))
        else
            drop[#drop + 1] = field
        end
    end
    return set, drop, till - t, given > 0 and longest + SECOND or 0
end

local function write_account(charges, stored)
    local set, drop, lasts, spare = account_after(charges, stored)
    if damaged then
        return
    elseif lasts <= 0 then
        redis.call('DEL', account)
        return
    end
    redis.call(unpack(set))
    for i = 3, #drop, 1000 do
        redis.call('HDEL', account, unpack(drop, i, min(i + 999, #drop)))
    end
    redis.call('PEXPIRE', account, ceil((lasts + spare) / 1000))
end

local stored, charges, changed = read_account(), {}, false
for i = 4, #ARGV, 9 do
    charges[#charges + 1] = read_charge(i, stored)
end
local fits = decide(charges)
local answer = {fits and 1 or 0, t}
for i = 1, #charges do
    local d = charges[i]
    d.granted = fits and d.granted or 0
    if d.granted > 0 then
        d.kind.apply(d)
        changed = true
    end
end
for i = 1, #charges do
    local d = charges[i]
    local waits, made = not force and d.granted < d.asked, d.granted > 0 and d.amount > 0
    local retry = waits and d.kind.retry(d, d.asked) or 0
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = d.granted, d.kind.used_by(d), retry
    answer[#answer + 1], answer[#answer + 2] = made and d.stamp[1] or 0, made and d.stamp[2] or 0
end
if changed and not damaged then
    write_account(charges, stored)
end
if damaged then
    return redis.error_reply('CORRUPT account: a field holds what was never written there')
end
return answer
