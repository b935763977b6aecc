---What `turnout doctor --json` finds, for `:checkhealth`: the model process, models, GPU, routes, keys.
local M = {}

---It starts the model process and times a request, which takes a while on a busy machine.
local TIMEOUT_MS = 60000

---@class (exact) turnout.Finding
---@field topic string
---@field level "ok"|"note"|"problem"
---@field text string
---@field advice? string
---@field facts? table

---@param finding turnout.Finding
local function tell(finding)
  local message = ("%s: %s"):format(finding.topic, finding.text)
  local advice = finding.advice and finding.advice ~= "" and { finding.advice } or nil
  if finding.level == "ok" then
    vim.health.ok(message)
  elseif finding.level == "note" then
    vim.health.info(advice and ("%s\n%s"):format(message, advice[1]) or message)
  else
    vim.health.error(message, advice)
  end
end

---@param finding any
---@return boolean
local function is_finding(finding)
  return type(finding) == "table" and type(finding.topic) == "string" and type(finding.text) == "string"
end

---Tell `:checkhealth` what the doctor found.
---@param cmd string[] The server's command line.
---@param workspace string
---@return boolean told False where this version of the program has no such command, or did not end in time.
function M.report(cmd, workspace)
  local result = require("turnout.client").call_program(cmd, { "doctor", "--json", workspace }, TIMEOUT_MS)
  local ok, found = pcall(vim.json.decode, result and result.stdout or "")
  local findings = ok and type(found) == "table" and found.findings
  if type(findings) ~= "table" or not vim.iter(findings):all(is_finding) then
    return false
  end
  vim.iter(findings):each(tell)
  return true
end

return M
