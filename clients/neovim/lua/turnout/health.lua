---`:checkhealth turnout`: what is there, what is not, and what to do about it.
local M = {}

local KEYS = { "ANTHROPIC_API_KEY", "OPENAI_API_KEY" }

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
  local cmd = require("turnout.client").command()
  if not cmd then
    vim.health.error(("`%s` is not on $PATH"):format(wanted), {
      "Install it, in a clone of Turnout: `pipx install '.[local]'`",
      'Or say where it is: `require("turnout").setup({ cmd = { "/path/to/turnout", "serve", "--stdio" } })`',
    })
    return nil
  end
  local version = require("turnout.client").run_program(cmd, "--version")
  if version then
    vim.health.ok(("server: %s (%s)"):format(cmd[1], version))
  else
    vim.health.error(("%s --version failed"):format(cmd[1]), { "Run it in a terminal to see why" })
  end
  return version and cmd or nil
end

local function check_client()
  local client = require("turnout.client").get()
  if not client then
    vim.health.warn("no server is running", {
      "Open a file; a client starts with the first one",
      "`:Turnout log` shows what the server said when it ended",
    })
    return
  end
  for _, line in ipairs(require("turnout.status").describe()) do
    vim.health.info(line)
  end
  if client.server_capabilities.inlineCompletionProvider then
    vim.health.ok("the server offers suggestions, positions in " .. client.offset_encoding)
  else
    vim.health.error("the server offers no suggestions", {
      "Update the server, in a clone of Turnout: `pipx install --force '.[local]'`",
    })
  end
  local state = require("turnout.status").get()
  if state and state.state == "error" then
    vim.health.error(state.message or "the server reports an error", { "`:Turnout log`" })
  end
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

---@param cmd string[]
local function check_models(cmd)
  local listing = require("turnout.client").run_program(cmd, "models", "list")
  if listing then
    vim.health.info("local models:\n" .. listing)
  else
    vim.health.warn("`turnout models list` failed", { "Run it in a terminal to see why" })
  end
end

local function check_keys()
  for _, name in ipairs(KEYS) do
    local present = (vim.env[name] or "") ~= ""
    vim.health.info(("%s: %s"):format(name, present and "present" or "not set"))
  end
end

function M.check()
  vim.health.start("turnout: program")
  check_neovim()
  local cmd = check_program()
  vim.health.start("turnout: server")
  check_client()
  check_ghost()
  vim.health.start("turnout: models and keys")
  if cmd then
    check_models(cmd)
  end
  check_keys()
end

return M
