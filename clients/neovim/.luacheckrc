-- luacheck: globals of Neovim's Lua
std = "luajit"
read_globals = { "vim" }
globals = { "vim.g", "vim.b", "vim.o", "vim.bo", "vim.wo", "vim.opt" }
max_line_length = 120
cache = false
