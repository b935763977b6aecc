-- Registers :Turnout and the <Plug> mappings; everything behind them is loaded when it is first used.
if vim.g.loaded_turnout then
  return
end
vim.g.loaded_turnout = true

vim.api.nvim_create_user_command("Turnout", function(opts)
  require("turnout.commands").run(opts)
end, {
  nargs = "*",
  range = true,
  complete = function(lead, line)
    return require("turnout.commands").complete(lead, line)
  end,
  desc = "Turnout: refactor, undo, status and more",
})

for plug, action in pairs({
  ["accept"] = "accept",
  ["accept-word"] = "accept_word",
  ["accept-line"] = "accept_line",
  ["dismiss"] = "dismiss",
  ["next"] = "next",
  ["previous"] = "previous",
  ["trigger"] = "trigger",
}) do
  vim.keymap.set("i", ("<Plug>(turnout-%s)"):format(plug), function()
    require("turnout")[action]()
  end, { desc = "Turnout: " .. plug:gsub("-", " ") })
end
vim.keymap.set({ "n", "x" }, "<Plug>(turnout-refactor)", ":Turnout refactor<CR>", { desc = "Turnout: refactor" })
vim.keymap.set("n", "<Plug>(turnout-undo)", "<Cmd>Turnout undo<CR>", { desc = "Turnout: undo" })
