# Writes OUT: the FILES as raw string literals in an array named SYMBOL.
set(text "#include \"generator/base/embedded.h\"\n\nnamespace playload {\n\nconst EmbeddedFile ${SYMBOL}[] = {\n")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} content)
  string(APPEND text "    {\"${name}\", R\"~~~(${content})~~~\"},\n")
endforeach()
string(APPEND text "    {nullptr, nullptr}};\n\n}  // namespace playload\n")
file(WRITE ${OUT} "${text}")
