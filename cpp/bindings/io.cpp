// Archives and safetensors files. The GIL is released while a file is read or written; tensors are made and dropped with
// it held, for their memory may belong to Python.
#include <pybind11/stl/filesystem.h>
#include <pybind11/typing.h>

#include <filesystem>
#include <system_error>

#include "bindings.h"
#include "ranvier/io/archive.h"
#include "ranvier/io/text.h"

namespace ranvier::bindings {
namespace {

using Path = std::filesystem::path;
using TensorList = py::typing::List<py::typing::Tuple<py::str, Tensor>>;
using TextDict = py::typing::Dict<py::str, py::str>;
using GroupDict = py::typing::Dict<py::str, TensorList>;

void translate_file_errors() {
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const io::FileError& e) {
      // OSError(errno, text, path) makes itself a FileNotFoundError, PermissionError, ...
      const auto path = py::reinterpret_steal<py::object>(PyUnicode_DecodeFSDefault(e.path().c_str()));
      const py::object error = py::handle(PyExc_OSError)(e.code(), std::generic_category().message(e.code()), path);
      PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
    }
  });
}

std::string brief(py::handle object) { return io::printable(py::repr(object).cast<std::string>().substr(0, 80)); }

io::NamedTensors tensors_from(py::handle list, const std::string& what) {
  check<TypeError>(py::isinstance<py::list>(list), what, ": expected a list of (name, Tensor), received ",
                   Py_TYPE(list.ptr())->tp_name);
  io::NamedTensors tensors;
  for (const py::handle item : list) {
    const bool pair = py::isinstance<py::tuple>(item) && py::len(item) == 2 &&
                      py::isinstance<py::str>(item[py::int_(0)]) && py::isinstance<Tensor>(item[py::int_(1)]);
    if (!pair) fail<TypeError>(what, ": expected (name, Tensor) at index ", tensors.size(), ", received ", brief(item));
    tensors.emplace_back(item[py::int_(0)].cast<std::string>(), item[py::int_(1)].cast<Tensor>());
  }
  return tensors;
}

TensorList tensors_to(const io::NamedTensors& tensors) {
  TensorList list;
  for (const auto& [name, tensor] : tensors) list.append(py::make_tuple(name, tensor));
  return list;
}

io::TextMap texts_from(const py::dict& dict, const char* what) {
  io::TextMap texts;
  for (const auto& [key, value] : dict) {
    if (!py::isinstance<py::str>(key) || !py::isinstance<py::str>(value)) {
      fail<TypeError>(what, ": expected a dict of str to str, received ", brief(key), ": ", brief(value));
    }
    texts.emplace_back(key.cast<std::string>(), value.cast<std::string>());
  }
  return texts;
}

void write_archive(const Path& path, const TextDict& json_entries, const GroupDict& tensor_groups) {
  const io::TextMap texts = texts_from(json_entries, "json_entries");
  std::vector<std::pair<std::string, io::NamedTensors>> groups;
  for (const auto& [name, list] : tensor_groups) {
    check<TypeError>(py::isinstance<py::str>(name), "tensor_groups: expected keys of type str, received ",
                     Py_TYPE(name.ptr())->tp_name);
    auto key = name.cast<std::string>();
    groups.emplace_back(key, tensors_from(list, "tensor_groups[" + io::quoted(key) + "]"));
  }
  io::Archive archive;
  const py::gil_scoped_release release;
  for (const auto& [name, text] : texts) archive.add(name, io::Json::parse(text, io::printable(name)));
  for (const auto& [name, tensors] : groups) archive.add(name, tensors);
  io::write_archive(path.string(), archive);
}

template <class F>
auto without_gil(F&& f) {
  const py::gil_scoped_release release;
  return f();
}

py::typing::Tuple<TextDict, GroupDict> read_archive(const Path& path) {
  const io::Archive archive = without_gil([&] { return io::read_archive(path.string()); });
  TextDict texts;
  GroupDict groups;
  for (const std::string& name : archive.names()) {
    if (archive.is_json(name)) {
      texts[py::str(name)] = archive.json(name).dump();
    } else {
      groups[py::str(name)] = tensors_to(archive.tensors(name));
    }
  }
  return py::make_tuple(texts, groups);
}

void write_safetensors(const Path& path, const TensorList& tensors, const TextDict& metadata) {
  const io::NamedTensors list = tensors_from(tensors, "tensors");
  const io::TextMap texts = texts_from(metadata, "metadata");
  const py::gil_scoped_release release;
  io::save_safetensors(path.string(), list, texts);
}

py::typing::Tuple<TensorList, TextDict> read_safetensors(const Path& path) {
  const io::TensorFile file = without_gil([&] { return io::load_safetensors(path.string()); });
  TextDict metadata;
  for (const auto& [key, text] : file.metadata) metadata[py::str(key)] = text;
  return py::make_tuple(tensors_to(file.tensors), metadata);
}

}  // namespace

void bind_io(py::module_& m) {
  translate_file_errors();
  py::module_ io = m.def_submodule("io", "Files: the .rv archive and the safetensors format.");
  io.attr("FORMAT_VERSION") = io::Archive::format_version;
  io.def("write_archive", &write_archive, py::arg("path"), py::arg("json_entries"), py::arg("tensor_groups"),
         R"(Writes a .rv archive: a zip of stored entries, replaced in one step or not at all.

json_entries maps entry names ending in ".json" to JSON text, tensor_groups names ending in ".safetensors" to lists of
(tensor name, Tensor). An entry "metadata.json" is added, or completed, with format, format_version and ranvier_version.

ValueError: a wrong or doubled name, text that is not JSON. OSError: the file cannot be written; what was there before is
untouched.)");
  io.def("read_archive", &read_archive, py::arg("path"),
         R"(Reads a .rv archive whole: (JSON text by entry name, lists of (tensor name, Tensor) by entry name).

Checksums, sizes, offsets and names are verified. ValueError, starting with the path, says what is wrong with a foreign,
truncated, corrupted, oversized or too new file; OSError when it cannot be opened.)");
  io.def("write_safetensors", &write_safetensors, py::arg("path"), py::arg("tensors"), py::arg("metadata") = TextDict(),
         R"(Writes a file in the safetensors format, replaced in one step or not at all.

tensors is a list of (name, Tensor) with names unique; metadata maps str to str. ValueError: a doubled name. OSError: the
file cannot be written.)");
  io.def("read_safetensors", &read_safetensors, py::arg("path"),
         R"(Reads a file in the safetensors format: (list of (name, Tensor), metadata).

Reads F32, F64, I32, I64 and BOOL; F16 and BF16 become float32. ValueError, starting with the path, says what is wrong
with the file; OSError when it cannot be opened.)");
}

}  // namespace ranvier::bindings
