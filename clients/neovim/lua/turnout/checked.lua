---What is said of a proposal beside its changes: the verdict on all of it, each of the checks, and the receipt.
local M = {}

local GROUPS = { verified = "TurnoutAccepted", partly = "TurnoutTitle", failed = "TurnoutRejected" }

---@param check turnout.Check
---@return string result
---@return string group
local function result_of(check)
  if not check.ok then
    return "failed", GROUPS.failed
  end
  if not check.ran then
    return "not checked", GROUPS.partly
  end
  return "ok", GROUPS.verified
end

---The verdict and its highlight group.
---@param verdict turnout.Verdict
---@return string text
---@return string group
function M.describe(verdict)
  return verdict.text, GROUPS[verdict.state]
end

---A check in one line, and its highlight group.
---@param check turnout.Check
---@return string text
---@return string group
function M.describe_check(check)
  local result, group = result_of(check)
  local message = check.message:gsub("^not run: ", ""):gsub("%s+", " ")
  return ("%s %s%s"):format(result, check.name, message ~= "" and ": " .. message or ""), group
end

---Which model it was, where text went, and what it took.
---@param receipt? table
---@return string
function M.describe_receipt(receipt)
  if type(receipt) ~= "table" or type(receipt.model) ~= "string" then
    return ""
  end
  local parts = { receipt.model, receipt.leavesMachine and "left this machine" or "stayed on this machine" }
  if type(receipt.costUsd) == "number" then
    parts[#parts + 1] = ("$%.4f"):format(receipt.costUsd)
  end
  local ms = type(receipt.ms) == "table" and receipt.ms.total
  if type(ms) == "number" then
    parts[#parts + 1] = ("%.1f s"):format(ms / 1000)
  end
  return table.concat(parts, ", ")
end

local FORMS = {
  blocks = "as blocks of lines to replace",
  whole_file = "as whole files",
  tools = "by calls of tools",
}

---In which form the model gave its edits, and why so; empty where it gave none.
---@param receipt? table
---@return string
function M.describe_edits(receipt)
  local edits = type(receipt) == "table" and receipt.edits
  if type(edits) ~= "string" or edits == "" then
    return ""
  end
  local forms = vim.tbl_map(function(one)
    local form, why = one:match("^([%w_]+): (.*)$")
    return form and ("%s (%s)"):format(FORMS[form] or form, why) or one
  end, vim.split(edits, "; ", { plain = true }))
  return "edits " .. table.concat(forms, "; "):gsub("whole_file", "whole files")
end

---What the user should know before applying; empty where nothing speaks against it.
---@param verdict turnout.Verdict
---@param whole boolean Whether all changes are applied, which is what the verdict is about.
---@return string
function M.doubt(verdict, whole)
  if verdict.state ~= "verified" then
    return " " .. verdict.text
  end
  return whole and "" or " Not verified as chosen."
end

---Shows all that a check said, new problems among it.
---@param check turnout.Check
function M.show(check)
  local result = result_of(check)
  local text = ("%s %s\n%s"):format(result, check.name, check.message)
  local lines = vim.split(vim.trim(text), "\n", { plain = true })
  vim.lsp.util.open_floating_preview(lines, "", { border = "single", wrap = true, title = "Check" })
end

return M
