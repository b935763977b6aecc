---Highlight groups, each linked to a standard one unless the user or a colour scheme defined it.
local M = {}

---@type { [1]: string, [2]: string, [3]: string }[] Group, what it is linked to, what it is for.
M.groups = {
  { "TurnoutGhost", "Comment", "ghost text" },
  { "TurnoutTitle", "Title", "headings of the preview, what could not be checked" },
  { "TurnoutAccepted", "DiagnosticOk", "a hunk or check that is accepted" },
  { "TurnoutRejected", "DiagnosticError", "a hunk that is rejected, a check that failed" },
  { "TurnoutFile", "Directory", "file names of the preview" },
  { "TurnoutHint", "NonText", "key hints and receipts" },
}

function M.define()
  for _, group in ipairs(M.groups) do
    vim.api.nvim_set_hl(0, group[1], { link = group[2], default = true })
  end
end

return M
