---Files as the user sees them, open buffers first, and changes to them that can be taken back.
local M = {}

---@param uri string
---@return string
local function path_of(uri)
  return vim.uri_to_fname(uri)
end

---The buffer that holds a file, where one is loaded.
---@param uri string
---@return integer?
function M.loaded_buffer(uri)
  if vim.fn.bufexists(path_of(uri)) == 1 then
    local bufnr = vim.uri_to_bufnr(uri)
    return vim.api.nvim_buf_is_loaded(bufnr) and bufnr or nil
  end
end

---@param uri string
---@return boolean
function M.on_disk(uri)
  return vim.uv.fs_stat(path_of(uri)) ~= nil
end

---@param uri string
---@return boolean
function M.is_directory(uri)
  local stat = vim.uv.fs_stat(path_of(uri))
  return stat ~= nil and stat.type == "directory"
end

---@param uri string
---@return boolean
function M.exists(uri)
  return M.on_disk(uri) or M.loaded_buffer(uri) ~= nil
end

---The lines of a file, from its buffer or else from the disk; none where it does not exist.
---@param uri string
---@return string[]
function M.lines(uri)
  local bufnr = M.loaded_buffer(uri)
  if bufnr then
    return vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)
  end
  return M.on_disk(uri) and vim.fn.readfile(path_of(uri)) or {}
end

---Load a file into a listed buffer that the server knows of, so that it sees what is changed there.
---@param uri string
---@param client vim.lsp.Client
---@return integer bufnr
local function open(uri, client)
  local bufnr = vim.uri_to_bufnr(uri)
  vim.fn.bufload(bufnr)
  vim.bo[bufnr].buflisted = true
  vim.lsp.buf_attach_client(bufnr, client.id)
  return bufnr
end

---@param bufnr integer
---@return fun() undo
local function keep(bufnr)
  local lines = vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)
  local modified = vim.bo[bufnr].modified
  return function()
    vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
    vim.bo[bufnr].modified = modified
  end
end

---@param bufnr integer
---@return boolean
local function is_empty(bufnr)
  return vim.api.nvim_buf_line_count(bufnr) == 1 and vim.api.nvim_buf_get_lines(bufnr, 0, 1, false)[1] == ""
end

---Apply edits to a file's text.
---@param uri string
---@param edits lsp.TextEdit[]
---@param client vim.lsp.Client
---@return fun() undo
function M.edit(uri, edits, client)
  local bufnr = open(uri, client)
  local undo, was_empty = keep(bufnr), is_empty(bufnr)
  -- Without annotations, which 0.12 would ask about once more.
  local plain = vim.tbl_map(function(edit)
    return { range = edit.range, newText = edit.newText }
  end, edits)
  local ok, err = pcall(vim.lsp.util.apply_text_edits, plain, bufnr, client.offset_encoding)
  if not ok then
    undo()
    error(err, 0)
  end
  -- The one line of an empty buffer is no line of the file: it must not become a blank one at its end.
  local last = vim.api.nvim_buf_get_lines(bufnr, -2, -1, false)[1]
  if was_empty and last == "" and not is_empty(bufnr) then
    vim.api.nvim_buf_set_lines(bufnr, -2, -1, false, {})
  end
  return undo
end

---Delete a buffer; windows that show it stay, with another one.
---@param bufnr integer
local function delete_buffer(bufnr)
  for _, win in ipairs(vim.fn.win_findbuf(bufnr)) do
    vim.api.nvim_win_call(win, function()
      local other = vim.fn.bufnr("#")
      if other > 0 and other ~= bufnr and vim.api.nvim_buf_is_loaded(other) then
        vim.api.nvim_win_set_buf(win, other)
      else
        vim.cmd.enew({ bang = true })
      end
    end)
  end
  vim.api.nvim_buf_delete(bufnr, { force = true })
end

---Make an empty file: a buffer, which makes its directory when it is written.
---@param uri string
---@param options lsp.CreateFileOptions
---@param client vim.lsp.Client
---@return fun() undo
function M.create(uri, options, client)
  if M.exists(uri) then
    if not options.overwrite then
      return function() end
    end
    local bufnr = open(uri, client)
    local undo = keep(bufnr)
    vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, {})
    return undo
  end
  local bufnr = open(uri, client)
  vim.bo[bufnr].modified = true
  vim.api.nvim_create_autocmd("BufWritePre", {
    buffer = bufnr,
    once = true,
    desc = "Make the directory of a file that Turnout created",
    callback = function()
      vim.fn.mkdir(vim.fs.dirname(path_of(uri)), "p")
    end,
  })
  return function()
    delete_buffer(bufnr)
  end
end

---Rename a file on disk, and the buffers that show it.
---@param from string URI
---@param to string URI
---@param options lsp.RenameFileOptions
---@return fun() undo
function M.rename(from, to, options)
  vim.lsp.util.rename(path_of(from), path_of(to), { overwrite = options.overwrite or false })
  if M.on_disk(from) or not M.on_disk(to) then
    error(("cannot rename %s"):format(path_of(from)), 0)
  end
  return function()
    vim.lsp.util.rename(path_of(to), path_of(from), {})
  end
end

---@param path string
---@param content string
---@param mode integer
local function write(path, content, mode)
  local handle = assert(vim.uv.fs_open(path, "w", mode))
  assert(vim.uv.fs_write(handle, content))
  assert(vim.uv.fs_close(handle))
end

---@param path string
---@return string content
---@return integer mode
local function read(path)
  local stat = assert(vim.uv.fs_stat(path))
  local handle = assert(vim.uv.fs_open(path, "r", 0))
  local content = assert(vim.uv.fs_read(handle, stat.size))
  assert(vim.uv.fs_close(handle))
  return content, stat.mode
end

---Delete a file, on disk where it is there, and its buffer.
---@param uri string
---@return fun() undo
function M.delete(uri)
  local path, bufnr = path_of(uri), M.loaded_buffer(uri)
  local content, mode
  if M.on_disk(uri) then
    content, mode = read(path)
    assert(vim.uv.fs_unlink(path))
  end
  local lines = bufnr and not content and vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)
  if bufnr then
    delete_buffer(bufnr)
  end
  return function()
    if content then
      write(path, content, mode)
    elseif lines then
      local again = vim.uri_to_bufnr(uri)
      vim.fn.bufload(again)
      vim.api.nvim_buf_set_lines(again, 0, -1, false, lines)
      vim.bo[again].buflisted = true
    end
  end
end

return M
