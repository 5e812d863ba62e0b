-- wrk's side of `bench serve`: one request, repeated, and its figures on one line.
-- Arguments: the Authorization header for a token request; none for a plain GET.

function init(args)
  if args[1] then
    wrk.method = "POST"
    wrk.body = "grant_type=client_credentials&scope=orders%3Aread"
    wrk.headers["Authorization"] = args[1]
    wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
  end
  request_bytes = wrk.format()
end

function request()
  return request_bytes
end

function done(summary, latency, requests)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("figures %d %d %d %d %d\n", summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99)))
end
