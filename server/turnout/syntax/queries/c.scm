(function_definition
  body: (_) @body) @definition.function

([
  (translation_unit (declaration declarator: [(function_declarator) (pointer_declarator (function_declarator))]) @definition.function)
  (preproc_ifdef (declaration declarator: [(function_declarator) (pointer_declarator (function_declarator))]) @definition.function)
  (preproc_if (declaration declarator: [(function_declarator) (pointer_declarator (function_declarator))]) @definition.function)
  (declaration_list (declaration declarator: [(function_declarator) (pointer_declarator (function_declarator))]) @definition.function)
])

(struct_specifier
  name: (_) @name
  body: (_) @body) @definition.struct

(union_specifier
  name: (_) @name
  body: (_) @body) @definition.struct

(enum_specifier
  name: (_) @name
  body: (_) @body) @definition.enum

(type_definition
  type: (struct_specifier body: (_) @body)
  declarator: (type_identifier) @name) @definition.struct

(type_definition
  declarator: (type_identifier) @name) @definition.type

(type_definition
  declarator: (function_declarator)) @definition.type

(preproc_def
  name: (_) @name
  value: (_)) @definition.macro

(preproc_function_def
  name: (_) @name) @definition.macro

(preproc_include
  path: (_) @module) @import
