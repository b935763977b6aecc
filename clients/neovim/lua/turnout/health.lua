---`:checkhealth turnout`: what is there, what is not, and what to do about it.
local client = require("turnout.client")

local M = {}

local ROUTED = { "inline", "popup", "fix", "rewrite", "refactor", "document", "test", "explain" }
local ASK_TIMEOUT_MS = 2000
local ERRORS_SHOWN = 3

local function check_neovim()
  local version = tostring(vim.version())
  if vim.fn.has("nvim-0.11") == 1 then
    vim.health.ok("Neovim " .. version)
  else
    vim.health.error("Neovim " .. version .. " is too old", { "Install Neovim 0.11 or newer" })
  end
end

---@return string[]? cmd
local function check_program()
  local wanted = require("turnout.config").get().cmd[1]
  local cmd = client.command()
  if not cmd then
    vim.health.error(("`%s` is not on $PATH"):format(wanted), {
      "Install it, in a clone of Turnout: `pipx install '.[local]'`",
      'Or say where it is: `require("turnout").setup({ cmd = { "/path/to/turnout", "serve", "--stdio" } })`',
    })
    return nil
  end
  local version = client.run_program(cmd, "--version")
  if version then
    vim.health.ok(("server: %s (%s)"):format(cmd[1], version))
  else
    vim.health.error(("%s --version failed"):format(cmd[1]), { "Run it in a terminal to see why" })
  end
  return version and cmd or nil
end

---@return vim.lsp.Client?
local function check_client()
  local server = client.get()
  if not server then
    vim.health.warn("no server is running", {
      "Open a file; a client starts with the first one",
      "`:Turnout log` shows what the server said when it ended",
    })
    return nil
  end
  for _, line in ipairs(require("turnout.status").describe()) do
    vim.health.info(line)
  end
  if server.server_capabilities.inlineCompletionProvider then
    vim.health.ok("the server offers suggestions, positions in " .. server.offset_encoding)
  elseif require("turnout.config").get().ghost.enabled then
    vim.health.error("the server offers no suggestions", {
      "Update the server, in a clone of Turnout: `pipx install --force '.[local]'`",
    })
  end
  local state = require("turnout.status").get()
  if state and state.state == "error" then
    vim.health.error(state.message or "the server reports an error", { "`:Turnout log`" })
  end
  return server
end

local function check_ghost()
  local config = require("turnout.config").get()
  local ghost = package.loaded["turnout.ghost"]
  if not config.ghost.enabled then
    vim.health.info("suggestions are turned off: `ghost.enabled = false`")
  elseif ghost and ghost.paused() then
    vim.health.warn("suggestions are paused", { "`:Turnout resume`" })
  else
    vim.health.ok("suggestions are on")
  end
end

---Which model each kind of request goes to; without one, why not.
---@param server vim.lsp.Client
local function check_routes(server)
  for _, kind in ipairs(ROUTED) do
    ---@diagnostic disable-next-line: param-type-mismatch
    local answer = server:request_sync("turnout/explain", { kind = kind }, ASK_TIMEOUT_MS)
    local decision = answer and answer.result
    if not decision then
      vim.health.warn(("%s: the server did not say where it goes"):format(kind), { "`:Turnout log`" })
    elseif type(decision.chosen) == "string" then
      vim.health.ok(("%s goes to %s"):format(kind, decision.chosen))
    else
      vim.health.warn(("%s goes nowhere"):format(kind), { ("`:Turnout explain %s` says why"):format(kind) })
    end
  end
end

---The errors in the server's log, oldest first.
---@return string[]
local function logged_errors()
  local path = client.log_path("server")
  local lines = path and vim.uv.fs_stat(path) and vim.fn.readfile(path) or {}
  return vim.tbl_filter(function(line)
    return line:find(" ERROR ", 1, true) ~= nil
  end, lines)
end

local function check_errors()
  local errors = logged_errors()
  if #errors == 0 then
    vim.health.ok("no errors in the server's log")
    return
  end
  local last = vim.list_slice(errors, math.max(1, #errors - ERRORS_SHOWN + 1))
  vim.health.warn(
    "last errors of the server:\n" .. table.concat(last, "\n"),
    { "`:Turnout log` shows what led to them" }
  )
end

---@param cmd string[]
local function check_models(cmd)
  local listing = client.run_program(cmd, "models", "list")
  if not listing then
    vim.health.warn("`turnout models list` failed", { "Run it in a terminal to see why" })
  elseif listing:find("%f[%w]ready%f[%W]") then
    vim.health.ok("local models:\n" .. listing)
  else
    vim.health.warn("no local model is ready:\n" .. listing, { "`turnout models pull`" })
  end
end

---Whether the keys that the settings name are there; what they are is nobody's business.
---@param cmd string[]
local function check_keys(cmd)
  local settings, seen = client.run_program(cmd, "settings", "show") or "", {}
  for name in settings:gmatch('key = "env:([%w_]+)"') do
    if not seen[name] then
      seen[name] = true
      vim.health.info(("%s: %s"):format(name, (vim.env[name] or "") ~= "" and "present" or "not set"))
    end
  end
end

function M.check()
  vim.health.start("turnout: program")
  check_neovim()
  local cmd = check_program()
  vim.health.start("turnout: server")
  local server = check_client()
  check_ghost()
  check_errors()
  if server then
    vim.health.start("turnout: routes")
    check_routes(server)
  end
  if cmd then
    vim.health.start("turnout: models, GPU and keys")
    if not require("turnout.doctor").report(cmd, server and server.root_dir or vim.fn.getcwd()) then
      check_models(cmd)
      check_keys(cmd)
    end
  end
end

return M
