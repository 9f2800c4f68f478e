-- What one wrk process sends: entries of a kind (goud or etcd) and size, each unlike any other.
--
--   wrk ... -s submissions.lua URL -- goud|etcd BYTES [TOKEN ...]
--
-- Ends with one line of JSON on standard output, after wrk's own report: requests, seconds, errors, and every latency
-- that occurred, in microseconds, with how often it did, so that several processes can be added up.

local kind, bytes, tokens = nil, 0, {}
local number, mark, filler = 0, "", ""

function init(args)
  kind, bytes = args[1], tonumber(args[2])
  for i = 3, #args do tokens[#tokens + 1] = args[i] end
  local random = assert(io.open("/dev/urandom", "rb"))
  for byte in random:read(8):gmatch(".") do mark = mark .. string.format("%02x", byte:byte()) end
  random:close()
  filler = string.rep(kind == "etcd" and "eHh4" or "x", bytes)
end

function request()
  number = number + 1
  local unique = string.format("%s%08x", mark, number)
  local headers = { ["Content-Type"] = "application/json" }
  if kind == "etcd" then
    -- The gateway takes base64: the mark is of its alphabet, and `bytes` of value are 4/3 as many characters.
    local value = filler:sub(1, math.ceil(bytes / 3) * 4)
    return wrk.format("POST", "/v3/kv/put", headers, string.format('{"key":"%s","value":"%s"}', unique, value))
  end
  headers["Authorization"] = "Bearer " .. tokens[number % #tokens + 1]
  local data = unique .. filler:sub(1, bytes - #unique)
  return wrk.format("POST", "/data/submit", headers, string.format('{"label":"load","data":"%s"}', data))
end

function done(summary, latency, _)
  local counts = {}
  for i = 1, #latency do
    local value, count = latency(i)
    counts[i] = string.format("[%d,%d]", value, count)
  end
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"failed":%d,"latencies":[%s]}\n', summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, table.concat(counts, ",")))
end
