---Completion menus that share the screen with ghost text.
local M = {}

---Menus of plugins: the module that is loaded while they run, and whether an item is selected.
---@type { module: string, selected: fun(menu: table): boolean }[]
local plugins = {
  {
    module = "blink.cmp",
    selected = function(blink)
      return blink.is_menu_visible() and blink.get_selected_item() ~= nil
    end,
  },
  {
    module = "cmp",
    selected = function(cmp)
      return cmp.visible() and cmp.get_selected_entry() ~= nil
    end,
  },
}

---Whether the user has an item of a menu selected, so that keys and text belong to it.
---@return boolean
function M.selected()
  if vim.fn.pumvisible() == 1 and vim.fn.complete_info({ "selected" }).selected >= 0 then
    return true
  end
  for _, plugin in ipairs(plugins) do
    local menu = package.loaded[plugin.module]
    if menu then
      -- Other people's code in any version: a failure must not cost the user the keystroke.
      local ok, selected = pcall(plugin.selected, menu)
      if ok and selected then
        return true
      end
    end
  end
  return false
end

return M
