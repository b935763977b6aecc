---The language client: starting it, finding it, asking it. The only module that knows how requests are sent.
local M = {}

M.name = "turnout"

---Unexpected ends of the server that are answered with a restart, and the time in which they are counted.
local MAX_RESTARTS, RESTART_WINDOW_MS = 3, 60000
local PROGRAM_TIMEOUT_MS = 15000

---@type integer[] When the server was restarted, in milliseconds.
local restarts = {}
---@type string? Folder of the logs, which is asked for most when the server that told it is gone.
local logs

---@param message string
---@param level? integer
function M.notify(message, level)
  require("turnout.messages").tell(message, level)
end

---The initialized client of a buffer, or of any buffer where `bufnr` is nil.
---@param bufnr? integer
---@return vim.lsp.Client?
function M.get(bufnr)
  for _, client in ipairs(vim.lsp.get_clients({ name = M.name, bufnr = bufnr })) do
    if client.initialized and not client:is_stopped() then
      return client
    end
  end
end

---The client that a command of the user is about: the current buffer's, else any; says so where there is none.
---@return vim.lsp.Client?
function M.require_one()
  local client = M.get(vim.api.nvim_get_current_buf()) or M.get()
  if not client then
    M.notify("no server is running; :checkhealth turnout says why", vim.log.levels.WARN)
  end
  return client
end

---@param err lsp.ResponseError
---@return string
function M.describe_error(err)
  local message = (err.message or "the server failed without a message"):gsub("%s+$", "")
  return message
end

---What a server offers beyond the standard.
---@param client vim.lsp.Client
---@return { logs?: string, cursor?: boolean, plan?: boolean }
function M.extensions(client)
  local experimental = client.server_capabilities.experimental --[[@as table?]]
  local ours = type(experimental) == "table" and experimental.turnout
  return type(ours) == "table" and ours or {}
end

---@param paths string[]
---@return string? path The one that was written to last.
local function newest(paths)
  table.sort(paths, function(a, b)
    return vim.fn.getftime(a) > vim.fn.getftime(b)
  end)
  return paths[1]
end

---The file of a log: of the server, of the model process that wrote last, or Neovim's own of language servers.
---@param which "server"|"worker"|"neovim"
---@return string? path Nil where it is not known.
function M.log_path(which)
  if which == "neovim" then
    return vim.lsp.log.get_filename()
  end
  local client = M.get()
  logs = client and M.extensions(client).logs or logs
  if not logs then
    return nil
  elseif which == "server" then
    return vim.fs.joinpath(logs, "server.log")
  end
  return newest(vim.fn.glob(vim.fs.joinpath(logs, "worker-*.log"), true, true))
end

---Send a request and hand its result to `on_result`; an error is shown to the user unless `on_error` takes it.
---@param client vim.lsp.Client
---@param method string
---@param params table
---@param on_result fun(result: any)
---@param on_error? fun(err: lsp.ResponseError)
---@return integer? request_id
function M.request(client, method, params, on_result, on_error)
  local function on_answer(err, result)
    if not err then
      on_result(result)
    elseif on_error then
      on_error(err)
    else
      M.notify(M.describe_error(err), vim.log.levels.ERROR)
    end
  end
  ---@diagnostic disable-next-line: param-type-mismatch
  local sent, id = client:request(method, params, on_answer)
  if not sent then
    on_answer({ code = -32000, message = "the server has stopped" })
  end
  return sent and id or nil
end

---@param client vim.lsp.Client
---@param row integer 0-based
---@param col integer byte column
---@param bufnr integer
---@return lsp.Position
function M.position(client, bufnr, row, col)
  local line = vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ""
  local character = vim.str_utfindex(line, client.offset_encoding, math.min(col, #line), false)
  return { line = row, character = character }
end

---Byte column of a position, within its line.
---@param client vim.lsp.Client
---@param bufnr integer
---@param position lsp.Position
---@return integer
function M.byte_column(client, bufnr, position)
  local line = vim.api.nvim_buf_get_lines(bufnr, position.line, position.line + 1, false)[1] or ""
  return vim.str_byteindex(line, client.offset_encoding, position.character, false)
end

---Whether the server should come back by itself, and after how long.
---@return integer? delay_ms
local function restart_delay()
  local now = vim.uv.now()
  restarts = vim.tbl_filter(function(at)
    return now - at < RESTART_WINDOW_MS
  end, restarts)
  if #restarts >= MAX_RESTARTS then
    return nil
  end
  restarts[#restarts + 1] = now
  return 100 * 4 ^ (#restarts - 1)
end

---@param code integer
---@param signal integer
---@param client_id integer
local function on_exit(code, signal, client_id)
  if vim.v.exiting ~= vim.NIL then
    return
  end
  vim.schedule(function()
    require("turnout.status").stopped(client_id)
    if code == 0 and signal == 0 then
      return
    end
    local delay = restart_delay()
    if not delay then
      M.notify("the server keeps stopping; see :Turnout log, then :Turnout restart", vim.log.levels.ERROR)
      return
    end
    -- Neovim has already said that the server is gone.
    vim.defer_fn(function()
      vim.lsp.enable(M.name)
    end, delay)
  end)
end

---The server's command with its program as an absolute path, or nil where it is not installed.
---
---Only $PATH is searched: a program that a repository brings along is not run unless the user names it.
---@return string[]?
function M.command()
  local cmd = vim.deepcopy(require("turnout.config").get().cmd)
  local program = vim.fn.exepath(vim.fs.normalize(cmd[1]))
  if program == "" then
    return nil
  end
  cmd[1] = program
  return cmd
end

---Run another command of the program that the server is a command of.
---@param cmd string[] The server's own command line.
---@param words string[]
---@param timeout_ms? integer
---@return vim.SystemCompleted? result Nil where it cannot be run.
function M.call_program(cmd, words, timeout_ms)
  local command = vim.list_slice(cmd)
  for i, word in ipairs(cmd) do
    if word == "serve" then
      command = vim.list_slice(cmd, 1, i - 1)
    end
  end
  vim.list_extend(command, words)
  local ok, process = pcall(vim.system, command, { text = true, timeout = timeout_ms or PROGRAM_TIMEOUT_MS })
  return ok and process:wait() or nil
end

---The same, where only success is of use.
---@param cmd string[]
---@param ... string
---@return string? output Nil where it failed.
function M.run_program(cmd, ...)
  local result = M.call_program(cmd, { ... })
  return result and result.code == 0 and vim.trim(result.stdout or "") or nil
end

---What the server is told when it starts: the user's settings, and who is asking.
---@return table
local function init_options()
  local options = vim.deepcopy(require("turnout.config").get().settings)
  options.client = { name = "neovim", version = tostring(vim.version()) }
  return options
end

---Whether this client shows ghost text; where it does not, the server puts its suggestions into the menu.
---@return lsp.ClientCapabilities
local function capabilities()
  local shown = require("turnout.config").get().ghost.enabled
  return { textDocument = { inlineCompletion = shown and { dynamicRegistration = false } or vim.NIL } }
end

---@param client vim.lsp.Client
local function attached(client)
  local extensions = M.extensions(client)
  logs = extensions.logs or logs
  if extensions.cursor then
    require("turnout.idle").start()
  end
end

---Register the server with Neovim, and start it for the open files and those to come.
function M.enable()
  local config = require("turnout.config").get()
  local cmd = M.command()
  if not cmd then
    vim.schedule(function()
      local message = "turnout: cannot find %s; :checkhealth turnout says what to do"
      vim.notify_once(message:format(config.cmd[1]), vim.log.levels.WARN)
    end)
    return
  end
  vim.lsp.config(M.name, {
    cmd = cmd,
    filetypes = config.filetypes,
    root_markers = config.root_markers,
    init_options = init_options(),
    capabilities = capabilities(),
    settings = { turnout = config.settings },
    on_exit = on_exit,
  })
  vim.lsp.enable(M.name)
  vim.api.nvim_create_autocmd("LspAttach", {
    group = vim.api.nvim_create_augroup("turnout.client", { clear = true }),
    desc = "Give a server what it wants beyond the standard",
    callback = function(args)
      local client = vim.lsp.get_client_by_id(args.data.client_id)
      if client and client.name == M.name then
        attached(client)
      end
    end,
  })
end

---Start the server for a file without a filetype, which Neovim by itself starts none for.
---@param bufnr integer
function M.attach(bufnr)
  local config = vim.lsp.config[M.name]
  local is_file = vim.bo[bufnr].buftype == "" and vim.api.nvim_buf_get_name(bufnr) ~= ""
  if is_file and vim.bo[bufnr].filetype == "" and vim.lsp.is_enabled(M.name) and not config.filetypes then
    local root = vim.fs.root(bufnr, config.root_markers)
    vim.lsp.start(vim.tbl_extend("force", config, { name = M.name, root_dir = root }), { bufnr = bufnr })
  end
end

---Stop the server and start it again, for every buffer it serves.
function M.restart()
  restarts = {}
  vim.lsp.enable(M.name, false)
  if vim.lsp.config[M.name].on_exit then
    M.enable()
  else
    vim.lsp.enable(M.name)
  end
end

return M
