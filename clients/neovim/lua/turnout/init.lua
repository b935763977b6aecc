---The plugin's public interface. Requiring it loads nothing else: each function loads what it needs.
local M = {}

---Configure Turnout and start its server for every file; see |turnout-config| for the options.
---@param opts? turnout.Options
function M.setup(opts)
  local config = require("turnout.config")
  for _, problem in ipairs(config.set(opts or {})) do
    vim.notify("turnout: " .. problem, vim.log.levels.WARN)
  end
  require("turnout.client").enable()
  vim.api.nvim_create_autocmd("InsertEnter", {
    group = vim.api.nvim_create_augroup("turnout.lazy", { clear = true }),
    once = true,
    desc = "Load ghost text",
    callback = function()
      require("turnout.ghost").start()
    end,
  })
end

---Insert the whole suggestion on screen.
---@return boolean accepted False where there was none; nothing has happened then.
function M.accept()
  return require("turnout.ghost").accept("full")
end

---Insert the next word of the suggestion on screen; the rest stays.
---@return boolean accepted
function M.accept_word()
  return require("turnout.ghost").accept("word")
end

---Insert the suggestion on screen up to the end of its line; the rest stays.
---@return boolean accepted
function M.accept_line()
  return require("turnout.ghost").accept("line")
end

---Take the suggestion off the screen.
---@return boolean dismissed False where there was none.
function M.dismiss()
  return require("turnout.ghost").dismiss()
end

---Show the next suggestion for this place, asking for more where only one is known.
---@return boolean shown False where there was none to go on from.
function M.next()
  return require("turnout.ghost").cycle(1)
end

---Show the previous suggestion for this place.
---@return boolean shown
function M.previous()
  return require("turnout.ghost").cycle(-1)
end

---Ask for a suggestion now, also where automatic ones are off.
---@return boolean asked
function M.trigger()
  return require("turnout.ghost").trigger()
end

---Whether a suggestion is on screen.
---@return boolean
function M.visible()
  return require("turnout.ghost").visible()
end

---Refactor as `instruction` says and show the result for review; asks for the instruction where it is nil.
---@param instruction? string
---@param opts? turnout.RefactorOptions
function M.refactor(instruction, opts)
  require("turnout.refactor").start(instruction, opts)
end

---Take back the last refactor that was applied.
function M.undo()
  require("turnout.refactor").undo()
end

---No suggestions until `resume()`.
function M.pause()
  require("turnout.ghost").pause(true)
end

---Suggestions again, after `pause()`.
function M.resume()
  require("turnout.ghost").pause(false)
end

---One short text for the statusline; empty while no server runs.
---@return string
function M.statusline()
  return require("turnout.status").line()
end

return M
