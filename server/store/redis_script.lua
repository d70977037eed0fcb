-- redis_script.lua: every access to a session in Redis, each one atomic
-- (docs/redis.md has the contract).
--
-- KEYS  the hash and the list of rows of a session; of a look, hashes
-- ARGV  the operation, then what it takes
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function digits(number)
    return string.format('%.0f', number)
end

-- What is there: tag, fate ('expired' of one that was live), age.
local function find(key)
    local found = redis.call('HMGET', key, 'tag', 'fate', 'used', 'deadline')
    local tag, fate, deadline = found[1], found[2], tonumber(found[4])
    if not tag then
        return nil
    end
    if fate == 'live' and deadline ~= 0 and now >= deadline then
        fate = 'expired'
    end
    return tag, fate, now - tonumber(found[3])
end

local function read(have)
    local tag, fate, age = find(KEYS[1])
    if not tag then
        return {'none'}
    end
    if fate == 'live' and tag == have then
        return {'same', age}
    end
    local pieces = redis.call('HMGET', KEYS[1], 'head', 'body')
    local rows = {}
    if fate == 'live' then
        rows = redis.call('LRANGE', KEYS[2], 0, -1)
    end
    return {fate, age, tag, pieces[1], pieces[2], rows}
end

-- The key lives until the deadline, or the death, and `remember` more.
local function expire_at(key, deadline, remember)
    if deadline == 0 then
        redis.call('PERSIST', key)
    else
        redis.call('PEXPIREAT', key, digits(deadline + remember))
    end
end

-- ARGV from 13 on are rows; no more at once than Lua's stack holds.
local function put_rows(kept, how)
    if how == 'replace' or kept == 0 then
        redis.call('DEL', KEYS[2])
    end
    for first = 13, #ARGV, 1000 do
        local last = math.min(first + 999, #ARGV)
        redis.call('RPUSH', KEYS[2], unpack(ARGV, first, last))
    end
    if kept > 0 then
        redis.call('LTRIM', KEYS[2], -kept, -1)
    end
end

local function write()
    local mine, expected, latest = ARGV[2], ARGV[3], tonumber(ARGV[4])
    local fate, ttl, remember = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
    local tag, former = find(KEYS[1])
    local deadline = 0
    if tag == mine then
        return {'done', now}
    end
    if now > latest then
        return {'late', now}
    end
    -- What is there now, as EXPECTED names it.
    local there = tag or ''
    if tag and former ~= 'live' then
        there = 'dead:' .. tag
    end
    if there ~= expected then
        return {'other', now}
    end
    -- What can be refused comes before anything has changed: a key of
    -- somebody else's type here, a lack of memory at the first HSET.
    local kept, rows = tonumber(ARGV[11]), redis.call('LLEN', KEYS[2])
    if fate ~= 'live' then
        -- Makes room first, so that a full Redis can forget, too.
        redis.call('DEL', KEYS[1], KEYS[2])
        deadline = now
    elseif ttl ~= 0 then
        deadline = now + ttl
    end
    redis.call('HSET', KEYS[1], 'tag', mine, 'fate', fate, 'used', digits(now),
        'ttl', ARGV[6], 'deadline', digits(deadline), 'remember', ARGV[7],
        'step', ARGV[8], 'head', ARGV[9], 'body', ARGV[10])
    expire_at(KEYS[1], deadline, remember)
    if rows + kept > 0 then
        put_rows(kept, ARGV[12])
        expire_at(KEYS[2], deadline, remember)
    end
    return {'done', now}
end

local function touch(seen)
    local tag, fate = find(KEYS[1])
    if fate ~= 'live' or tag ~= seen then
        return {'other', now}
    end
    local times = redis.call('HMGET', KEYS[1], 'ttl', 'remember')
    local ttl, deadline = tonumber(times[1]), 0
    if ttl ~= 0 then
        deadline = now + ttl
    end
    redis.call('HSET', KEYS[1], 'used', digits(now), 'deadline',
        digits(deadline))
    expire_at(KEYS[1], deadline, tonumber(times[2]))
    expire_at(KEYS[2], deadline, tonumber(times[2]))
    return {'done', now}
end

local function look()
    local answers = {}
    for i, key in ipairs(KEYS) do
        local tag, fate, age = find(key)
        if fate == 'live' then
            answers[i] = {'live', age, tag, redis.call('HGET', key, 'head')}
        else
            answers[i] = {'none'}
        end
    end
    return answers
end

if ARGV[1] == 'read' then
    return read(ARGV[2])
elseif ARGV[1] == 'write' then
    return write()
elseif ARGV[1] == 'touch' then
    return touch(ARGV[2])
elseif ARGV[1] == 'look' then
    return look()
end
return redis.error_reply('ERR no such operation')
