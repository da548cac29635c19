#include "ranvier/core/check.h"

#include <sstream>

namespace ranvier::detail {

void write_characters(std::ostream& out, const void* value) { out << static_cast<const char*>(value); }

std::string concat_parts(std::initializer_list<TextPart> parts) {
  std::ostringstream out;
  for (const TextPart& part : parts) part.write(out, part.value);
  return out.str();
}

}  // namespace ranvier::detail
