---The statusline component of lualine.nvim: `sections = { lualine_x = { "turnout" } }`.
local M = require("lualine.component"):extend()

function M.update_status()
  return require("turnout.status").line()
end

return M
