---What the server last said about itself, and the text for the statusline.
local M = {}

---@class (exact) turnout.Status
---@field state string
---@field model? string
---@field leavesMachine? boolean
---@field lastLatencyMs? number
---@field spentTodayUsd? number
---@field message? string

---@type table<integer, turnout.Status> By client.
local by_client = {}

---A number or string from the wire, where null has become `vim.NIL`.
---@generic T
---@param value T
---@return T?
local function given(value)
  if value ~= vim.NIL then
    return value
  end
end

local function announce()
  vim.api.nvim_exec_autocmds("User", { pattern = "TurnoutStatus", modeline = false })
  vim.cmd.redrawstatus()
end

---Take over a `turnout/status` notification.
---@param params table
---@param client_id integer
function M.update(params, client_id)
  by_client[client_id] = {
    state = given(params.state) or "ready",
    model = given(params.model),
    leavesMachine = given(params.leavesMachine),
    lastLatencyMs = given(params.lastLatencyMs),
    spentTodayUsd = given(params.spentTodayUsd),
    message = given(params.message),
  }
  announce()
end

---Forget a server that has stopped.
---@param client_id integer
function M.stopped(client_id)
  by_client[client_id] = nil
  announce()
end

---What the server of a buffer last said, where there is one.
---@param bufnr? integer
---@return turnout.Status?
function M.get(bufnr)
  local client = require("turnout.client").get(bufnr)
  return client and (by_client[client.id] or { state = "ready" })
end

---One short text for the statusline; empty while no server runs.
---@return string
function M.line()
  local status = M.get(vim.api.nvim_get_current_buf())
  if not status then
    return ""
  end
  local ghost = package.loaded["turnout.ghost"]
  if vim.b.turnout == false or ghost and ghost.paused() then
    return "turnout: paused"
  end
  local parts = { "turnout:", status.model or status.state }
  if status.model and status.state ~= "ready" and status.state ~= "idle" then
    parts[#parts + 1] = status.state
  end
  if status.leavesMachine then
    parts[#parts + 1] = "(remote)"
  end
  if status.lastLatencyMs then
    parts[#parts + 1] = ("%.0f ms"):format(status.lastLatencyMs)
  end
  local line = table.concat(parts, " "):gsub("%%", "%%%%")
  return line
end

---Everything known, a line each.
---@return string[]
function M.describe()
  local find = require("turnout.client").get
  local client = find(vim.api.nvim_get_current_buf()) or find()
  if not client then
    return { "No server is running; `:checkhealth turnout` says why." }
  end
  local status = by_client[client.id] or { state = "ready" }
  local info = client.server_info or {}
  local name, version = info.name or "turnout", info.version or ""
  local lines = {
    ("Server: %s %s, %s"):format(name, version, client.root_dir or "no workspace"),
    ("State: %s"):format(status.state),
  }
  if status.model then
    local place = status.leavesMachine and "text leaves this machine" or "text stays on this machine"
    lines[#lines + 1] = ("Model: %s (%s)"):format(status.model, place)
  end
  if status.lastLatencyMs then
    lines[#lines + 1] = ("Last answer: %.0f ms"):format(status.lastLatencyMs)
  end
  if status.spentTodayUsd then
    lines[#lines + 1] = ("Spent today: $%.4f"):format(status.spentTodayUsd)
  end
  if status.message and status.message ~= "" then
    lines[#lines + 1] = ("Message: %s"):format(status.message)
  end
  return lines
end

return M
