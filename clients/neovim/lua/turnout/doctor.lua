---What `turnout doctor --json` finds, for `:checkhealth`: the model process, models, GPU and keys.
local M = {}

---@param finding table
---@param ... string Names that the value may have.
---@return string?
local function first(finding, ...)
  for _, name in ipairs({ ... }) do
    local value = finding[name]
    if type(value) == "string" and value ~= "" then
      return value
    end
  end
end

---@param finding table
local function tell(finding)
  local subject, what = first(finding, "name", "title"), first(finding, "message", "text") or ""
  local message = subject and ("%s: %s"):format(subject, what) or what
  local todo = first(finding, "advice", "fix", "todo")
  local advice = todo and { todo } or nil
  local state = first(finding, "state", "status", "level")
  if state == "error" or state == "failed" then
    vim.health.error(message, advice)
  elseif state == "warning" or state == "warn" then
    vim.health.warn(message, advice)
  elseif state == "ok" then
    vim.health.ok(message)
  else
    vim.health.info(message)
  end
end

---Tell `:checkhealth` what the doctor found.
---@param cmd string[] The server's command line.
---@return boolean told False where this version of the program has no such command.
function M.report(cmd)
  local output = require("turnout.client").run_program(cmd, "doctor", "--json")
  local ok, found = pcall(vim.json.decode, output or "")
  local findings = ok and type(found) == "table" and (found.findings or found)
  if type(findings) ~= "table" or not vim.islist(findings) or #findings == 0 then
    return false
  end
  for _, finding in ipairs(findings) do
    tell(finding)
  end
  return true
end

return M
