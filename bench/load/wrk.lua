-- Prepares what wrk sends, once for each thread: `wrk -s wrk.lua URL -- METHOD PIPELINE BODY_FILE`. There is
-- no function `request`, so wrk sends the same prepared bytes again and again and runs no Lua for a request.
function init(args)
  wrk.method = args[1]
  if args[3] then
    local file = assert(io.open(args[3], "rb"))
    wrk.body = file:read("*a")
    file:close()
    wrk.headers["Content-Type"] = "application/json"
  end
  local one = wrk.format()
  local batch = string.rep(one, tonumber(args[2]))
  -- wrk calls this after init and takes its result as the request. It counts the requests in it.
  wrk.format = function() return batch end
end
