(function_item
  name: (_) @name
  body: (_) @body) @definition.function

(function_signature_item
  name: (_) @name) @definition.function

(struct_item
  name: (_) @name
  body: (field_declaration_list)? @body) @definition.struct

(union_item
  name: (_) @name
  body: (_) @body) @definition.struct

(enum_item
  name: (_) @name
  body: (_) @body) @definition.enum

(trait_item
  name: (_) @name
  body: (_) @body) @definition.interface

(type_item
  name: (_) @name) @definition.type

(associated_type
  name: (_) @name) @definition.type

(const_item
  name: (_) @name) @definition.constant

(static_item
  name: (_) @name) @definition.constant

(mod_item
  name: (_) @name
  body: (_) @body) @definition.module

(macro_definition
  name: (_) @name) @definition.macro

(impl_item
  type: [
    (type_identifier) @name
    (generic_type type: (_) @name)
    (scoped_type_identifier name: (_) @name)
    (reference_type type: (type_identifier) @name)
  ]) @scope

(use_declaration
  argument: (_) @module) @import.rust

(mod_item
  name: (_) @module
  !body) @import

(extern_crate_declaration
  name: (_) @module
  alias: (_)? @alias) @import
