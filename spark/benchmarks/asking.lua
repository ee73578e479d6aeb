-- One user of the API for wrk: pauses between requests, so that all of them ask at a steady rate.
-- URLs with {n} get another number each time: no cache knows their answers.
local paths, headers, pause, n = {}, {}, 0, 0
local thread_count = 0

function setup(thread)
  thread:set("first", thread_count * 5000)
  thread_count = thread_count + 1
end

function init(arguments)
  pause = tonumber(arguments[1])
  headers["Authorization"] = "Bearer " .. os.getenv("API_KEY")
  paths[1] = arguments[2]
end

function delay()
  return math.random(0, 2 * pause)
end

function request()
  n = n + 1
  local path = paths[1]:gsub("{n}", tostring(1 + (first + n) % 9999))
  return wrk.format("GET", path, headers)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"n": %d, "seconds": %.3f, "p50_ms": %.2f, "p99_ms": %.2f, "max_ms": %.2f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
