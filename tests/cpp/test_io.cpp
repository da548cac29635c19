// Files, stored zips and the safetensors format: round trips, and what is said about every kind of damage.
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <limits>

#include "check.h"
#include "io_support.h"
#include "ranvier/io/zip.h"

namespace {

using namespace ranvier;
using namespace ranvier::io;
using namespace ranvier::testing;

void test_crc32() {
  EXPECT(crc32(as_bytes("123456789")) == 0xCBF43926U);  // the check value of the CRC catalogue
  EXPECT(crc32(as_bytes("")) == 0);
  std::string long_text;
  for (int i = 0; i < 1000; ++i) long_text += static_cast<char>(i * 7);
  for (const std::size_t cut : {0U, 1U, 15U, 16U, 17U, 500U, 1000U}) {
    const std::uint32_t front = crc32(as_bytes(std::string_view(long_text).substr(0, cut)));
    EXPECT(crc32(as_bytes(std::string_view(long_text).substr(cut)), front) == crc32(as_bytes(long_text)));
  }
}

void test_files() {
  const Folder folder;
  const std::string path = folder / "a.bin";
  write_file_atomic(path, as_bytes("first"));
  EXPECT(read_file(path, 5) == "first");
  ::chmod(path.c_str(), 0640);
  write_file_atomic(path, as_bytes(""));
  EXPECT(read_file(path, 5).empty());
  struct stat info {};
  EXPECT(::stat(path.c_str(), &info) == 0 && (info.st_mode & 07777U) == 0640U);
  write_file_atomic(path, as_bytes("second"));
  EXPECT_THROWS(read_file(path, 5), ValueError, "a.bin: expected at most 5 bytes, the file has 6");

  EXPECT_THROWS(read_file(folder / "missing", 9), FileError, "missing: cannot open: No such file or directory");
  EXPECT_THROWS(read_file(folder / ".", 9), FileError, "cannot read as a file: Is a directory");
  EXPECT_THROWS(write_file_atomic(folder / ".", as_bytes("x")), FileError, "Is a directory");
  EXPECT_THROWS(write_file_atomic(folder / "no/such/x", as_bytes("x")), FileError, "No such file or directory");
  EXPECT_THROWS(write_file_atomic("", as_bytes("x")), ValueError, "expected a path to write to");
  EXPECT_THROWS(write_file_atomic("/dev/null", as_bytes("x")), FileError, "it is not a file");
  EXPECT_THROWS(read_file(std::string("a\0b", 3), 9), ValueError, "without a null byte");
  ::mkfifo((folder / "pipe").c_str(), 0600);
  EXPECT_THROWS(read_file(folder / "pipe", 9), FileError, "cannot read as a file: Invalid argument");
  try {
    read_file(folder / "missing", 9);
  } catch (const FileError& error) {
    EXPECT(error.code() == ENOENT && error.path() == folder / "missing");
  }

  std::filesystem::create_symlink("a.bin", folder / "link");
  write_file_atomic(folder / "link", as_bytes("third"));
  EXPECT(std::filesystem::is_symlink(folder / "link"));
  EXPECT(read_file(path, 5) == "third");

  {
    AtomicFile file(path);
    file.write("half");
    EXPECT(folder.files() == 4);
  }
  EXPECT(read_file(path, 5) == "third");
  EXPECT(folder.files() == 3);  // a.bin, link, pipe: no temporary file
}

// A disk that fills up, played by the limit on file sizes.
void test_failed_write_leaves_the_old_file() {
  const Folder folder;
  const std::string path = folder / "model.rv";
  write_file_atomic(path, as_bytes("old"));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 1000;
  ::setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROWS(write_file_atomic(path, as_bytes(std::string(5000, 'x'))), FileError,
                "model.rv: cannot write: File too large");
  EXPECT_THROWS(
      [&] {
        ZipWriter zip(path);
        zip.add("a.json", std::string(5000, 'x'));
        zip.finish();
      }(),
      FileError, "model.rv: cannot write: File too large");
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT(read_file(path, 3) == "old");
  EXPECT(folder.files() == 1);
}

std::string zip_of(const std::vector<std::pair<std::string, std::string>>& entries,
                   std::uint64_t zip64_from = ZipWriter::zip64_limit) {
  const Folder folder;
  ZipWriter zip(folder / "a.zip", zip64_from);
  for (const auto& [name, text] : entries) zip.add(name, text);
  zip.finish();
  return read_file(folder / "a.zip", 1'000'000);
}

std::vector<std::pair<std::string, std::string>> unzip(const std::string& bytes) {
  const auto input = open_memory(as_bytes(bytes), "a.zip");
  const ZipReader zip(*input);
  std::vector<std::pair<std::string, std::string>> entries;
  for (const ZipEntry& entry : zip.entries()) {
    EXPECT(entry.offset % ZipWriter::alignment == 0);
    entries.emplace_back(entry.name, zip.read(entry, 100'000));
  }
  return entries;
}

const std::vector<std::pair<std::string, std::string>> entries_ab = {
    {"a.json", "{}"}, {"dir/b\xC3\xA9", std::string(300, 'b')}, {"empty", ""}};

void test_zip() {
  const std::string bytes = zip_of(entries_ab);
  EXPECT(unzip(bytes) == entries_ab);
  EXPECT(zip_of(entries_ab) == bytes);  // no clock in it
  EXPECT(unzip(zip_of({})).empty());
  for (const std::uint64_t from : {0U, 100U, 400U}) EXPECT(unzip(zip_of(entries_ab, from)) == entries_ab);
  EXPECT(unzip(patched(bytes, bytes.size() - 2, 2, 5) + "hello") == entries_ab);  // with a comment

  const Folder folder;
  ZipWriter zip(folder / "a.zip");
  zip.add("a", "1");
  EXPECT_THROWS(zip.add("a", "2"), ValueError, "there is an entry 'a' already");
  EXPECT_THROWS(zip.add("../a", "2"), ValueError, "cannot write an entry '../a': it is not a plain relative path");
  EXPECT_THROWS(zip.add("/a", "2"), ValueError, "it is an absolute path");
  EXPECT_THROWS(zip.add("", "2"), ValueError, "it is empty");
  EXPECT_THROWS(zip.add("\xFF", "2"), ValueError, "it is not UTF-8");
}

void test_zip_damage() {
  const std::string good = zip_of({{"a.json", "{}"}, {"b.json", std::string(300, 'b')}});
  std::string signature;
  zip_format::put(signature, 4, zip_format::central_signature);
  const std::size_t central = good.find(signature);
  const std::size_t second = good.find(signature, central + 1);
  const std::size_t end = good.size() - zip_format::end_bytes;
  const auto fails = [](const std::string& bytes, const std::string& message) {
    EXPECT_THROWS(unzip(bytes), ValueError, "a.zip: " + message);
  };
  fails("", "not a ranvier file (it is empty)");
  fails("hello", "not a ranvier file (no zip directory found)");
  fails(std::string(100'000, 'x'), "not a ranvier file (no zip directory found)");
  fails(good.substr(0, good.size() - 1), "truncated: the zip directory at the end of the file is missing");
  fails(good.substr(0, 20), "truncated: the zip directory at the end of the file is missing");
  fails(good.substr(0, 200) + good.substr(300), "corrupted: the zip directory is not where the end of the file says");
  fails(good + "x", "truncated: the zip directory at the end");
  fails(patched(good, end + 10, 2, 3), "the zip archive is split over several disks");
  fails(patched(patched(good, end + 8, 2, 3), end + 10, 2, 3),
        "corrupted: a zip directory of 104 bytes cannot hold 3 entries");
  fails(patched(patched(good, end + 8, 2, 1), end + 10, 2, 1),
        "corrupted: the zip directory has more bytes than entries");
  fails(patched(patched(good, end + 8, 2, 9), end + 10, 2, 9),
        "corrupted: a zip directory of 104 bytes cannot hold 9 entries");
  fails(patched(good, end + 16, 4, central + 1), "corrupted: the zip directory is not where the end of the file says");
  fails(patched(good, central, 4, 7), "corrupted: a zip directory entry has a wrong signature");
  fails(patched(good, central + 8, 2, 1), "entry 'a.json' is encrypted");
  fails(patched(good, central + 10, 2, 8),
        "entry 'a.json' is compressed (method 8); ranvier reads stored entries only");
  fails(patched(good, central + 20, 4, 3), "corrupted: entry 'a.json' is stored, but has the sizes 3 and 2");
  fails(patched(patched(good, second + 20, 4, 4096), second + 24, 4, 4096),
        "truncated: entry 'b.json' needs 4096 bytes at offset 128, the file has " + std::to_string(good.size()));
  fails(patched(patched(good, second + 20, 4, 0xFFFFFFFF), second + 24, 4, 0xFFFFFFFF),
        "truncated: entry 'b.json' needs");
  fails(patched(good, second + 42, 4, 0xFFFFFFF0), "truncated: entry 'b.json' starts at offset 4294967280");
  fails(patched(good, second + 42, 4, 8), "corrupted: entry 'b.json' has no header at offset 8");
  fails(patched(good, second + 42, 4, 0), "corrupted: entry 'b.json' differs between its header and the zip directory");
  fails(patched(good, second + 34, 2, 1), "the zip archive is split over several disks");
  fails(patched(good, central + 28, 2, 60000), "corrupted: a zip record is too short");
  fails(patched(good, 200, 1, 'x'), "corrupted: the checksum of b.json differs");
  fails(patched(good, 8, 2, 8), "corrupted: entry 'a.json' differs between");
  fails(replaced(good, "b.json", "a.json"), "corrupted: entry 'a.json' is there twice");
  fails(replaced(good, "b.json", "../bad"), "refused: the name of entry '../bad' is not safe");
  fails(replaced(good, "b.json", "/b.jso"), "refused: the name of entry '/b.jso' is not safe: it is an absolute path");
  fails(replaced(good, "b.json", "C:\\b.j"), "refused: the name of entry 'C:\\b.j' is not safe: it is not a plain");
  fails(replaced(good, "b.json", "b\njson"), "refused: the name of entry 'b\\x0ajson' is not safe: it has control");

  // A second entry inside the first one's data: the local header is part of the text.
  const std::string inner = good.substr(0, central);
  const std::string outer = zip_of({{"big", inner}, {"a.json", "{}"}});
  const std::size_t last = outer.rfind(signature);
  fails(patched(outer, last + 42, 4, outer.find(inner)), "corrupted: the entries 'big' and 'a.json' overlap");

  const std::string wide = zip_of({{"a.json", "{}"}}, 0);
  const std::size_t record = wide.size() - 22 - 20 - 56;
  fails(patched(wide, wide.size() - 22 - 12, 8, record + 1), "corrupted: the zip64 end record is not where");
  fails(patched(wide, record, 4, 1), "corrupted: the zip64 end record is missing");
  fails(patched(wide, record + 4, 8, 45), "corrupted: the zip64 end record has a wrong length");
  fails(patched(patched(wide, record + 24, 8, std::uint64_t{1} << 60U), record + 32, 8, std::uint64_t{1} << 60U),
        "corrupted: a zip directory of 80 bytes cannot hold 1152921504606846976 entries");

  const auto input = open_memory(as_bytes(good), "a.zip");
  const ZipReader zip(*input);
  EXPECT_THROWS(zip.read(*zip.find("b.json"), 299), ValueError, "entry 'b.json' has 300 bytes, expected at most 299");
}

void test_safetensors() {
  const NamedTensors tensors = some_tensors();
  const std::string bytes = write_safetensors(tensors, {{"by", "ranvier"}, {"note", "\"quoted\"\n"}});
  const TensorFile back = read_safetensors(as_bytes(bytes));
  EXPECT(same(back.tensors, tensors));
  EXPECT(back.metadata == TextMap{{"by", "ranvier"}, {"note", "\"quoted\"\n"}});
  EXPECT(read_safetensors(as_bytes(write_safetensors({}))).tensors.empty());
  const std::uint64_t header = zip_format::Fields(bytes, "").u64();
  EXPECT((8 + header) % 64 == 0);

  const Folder folder;
  save_safetensors(folder / "w.safetensors", tensors, {{"by", "ranvier"}});
  EXPECT(same(load_safetensors(folder / "w.safetensors").tensors, tensors));
  EXPECT_THROWS(load_safetensors(folder / "none"), FileError, "No such file");

  EXPECT_THROWS(write_safetensors({{"a", tensors[0].second}, {"a", tensors[1].second}}), ValueError, "named 'a'");
  EXPECT_THROWS(write_safetensors({{"__metadata__", tensors[0].second}}), ValueError, "cannot be named '__metadata__'");
  EXPECT_THROWS(write_safetensors({{"a", Tensor()}}), ValueError, "tensor 'a' has no value");
  EXPECT_THROWS(write_safetensors({{"\xFF", tensors[0].second}}), ValueError, "UTF-8");
}

std::string tensor_bytes(const std::string& header, const std::string& data) {
  std::string bytes;
  zip_format::put(bytes, 8, header.size());
  return bytes + header + data;
}

void test_half_floats() {
  std::string data;
  for (const std::uint64_t bits : {0x3C00, 0xC000, 0x0001, 0x83FF, 0x7BFF, 0x7C00, 0xFC00, 0x8000})
    zip_format::put(data, 2, bits);
  for (const std::uint64_t bits : {0x3F80, 0xC049}) zip_format::put(data, 2, bits);
  const TensorFile file = read_safetensors(as_bytes(tensor_bytes(
      R"({"b":{"dtype":"BF16","shape":[2],"data_offsets":[16,20]},"h":{"dtype":"F16","shape":[8],"data_offsets":[0,16]}})",
      data)));
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT(file.tensors[0].first == "b");
  EXPECT(same(file.tensors[0].second, tensor<float>({1.0F, -3.140625F}, {2})));
  EXPECT(same(file.tensors[1].second,
              tensor<float>({1.0F, -2.0F, 0x1p-24F, -1023 * 0x1p-24F, 65504.0F, infinity, -infinity, -0.0F}, {8})));
}

void test_safetensors_damage() {
  const auto fails = [](const std::string& bytes, const std::string& message) {
    EXPECT_THROWS(read_safetensors(as_bytes(bytes), "w"), ValueError, "w: " + message);
  };
  const auto item = [](const char* name, const char* dtype, const char* shape, const char* offsets) {
    return concat_text('"', name, R"(":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":)", offsets,
                       "}");
  };
  const std::string eight(8, '\0');
  fails("", "not a safetensors file: it has 0 bytes");
  fails(patched(eight, 0, 8, std::numeric_limits<std::uint64_t>::max()),
        "not a safetensors file: its header would have");
  fails(patched(eight, 0, 8, 100), "truncated: the header needs 100 bytes, 0 are left");
  fails(tensor_bytes("[1]", ""), "not a safetensors file: its header does not start with '{'");
  fails(tensor_bytes("{\"a\":", ""), "header: line 1, column 6 (byte 5): expected a value");
  fails(tensor_bytes("{\"a\":1}", ""), "tensor 'a': expected an object with key 'dtype', received 1");
  fails(tensor_bytes("{\"__metadata__\":{\"a\":1}}", ""), "tensor '__metadata__': expected a string, received 1");
  fails(tensor_bytes("{\"a\":{\"dtype\":\"F32\"}}", ""), "tensor 'a': expected key 'shape', found: dtype");
  const auto one = [&](const char* dtype, const char* shape, const char* offsets, const std::string& data) {
    return tensor_bytes("{" + item("a", dtype, shape, offsets) + "}", data);
  };
  EXPECT(read_safetensors(as_bytes(one("F32", "[2]", "[0,8]", eight))).tensors.size() == 1);
  fails(one("U8", "[8]", "[0,8]", eight), "tensor 'a': has dtype 'U8'; ranvier reads F32");
  fails(one("F32", "[3]", "[0,8]", eight), "tensor 'a': shape (3,) of F32 needs 12 bytes, its data_offsets hold 8");
  fails(one("F32", "[-2]", "[0,8]", eight), "tensor 'a': shape: expected sizes >= 0");
  fails(one("F32", "[2.0]", "[0,8]", eight), "tensor 'a': key 'shape': expected an integer, received 2.0");
  fails(one("F32", "[4294967296,4294967296,4294967296]", "[0,8]", eight), "tensor 'a': shape: ");
  fails(one("F32", "[4611686018427387904]", "[0,8]", eight),
        "tensor 'a': shape: (4611686018427387904,) has more elements");
  fails(one("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]", eight),
        "tensor 'a': shape: expected at most 8 dimensions, received 9");
  fails(one("F32", "[2]", "[8,0]", eight), "tensor 'a': expected data_offsets [begin, end]");
  fails(one("F32", "[2]", "[-8,0]", eight), "tensor 'a': expected data_offsets [begin, end]");
  fails(one("F32", "[2]", "[0]", eight), "tensor 'a': expected data_offsets [begin, end]");
  fails(one("F32", "[2]", "[4,12]", eight + eight), "tensor 'a' begins at 4, expected 0 (there is a hole");
  fails(one("F32", "[2]", "[0,8]", eight + "x"), "the tensors need 8 bytes, but 9 are there");
  fails(one("F32", "[2]", "[0,8]", "xxxx"), "truncated: the tensors need 8 bytes, 4 are there");
  fails(one("F32", "[100000000000]", "[0,400000000000]", eight), "truncated: the tensors need 400000000000 bytes");
  fails(one("BOOL", "[8]", "[0,8]", patched(eight, 3, 1, 2)), "tensor 'a': expected bytes 0 and 1 for BOOL");
  fails(tensor_bytes("{" + item("a", "F32", "[2]", "[0,8]") + "," + item("b", "F32", "[2]", "[4,12]") + "}", eight),
        "tensor 'b' begins at 4, expected 8 (tensors overlap)");
  fails(tensor_bytes("{" + item("a", "F32", "[2]", "[0,8]") + "," + item("a", "F32", "[2]", "[8,16]") + "}",
                     eight + eight),
        "header: line 1, column 1 (byte 0): expected every key once, received 'a' twice");
}

}  // namespace

int main() {
  test_crc32();
  test_files();
  test_failed_write_leaves_the_old_file();
  test_zip();
  test_zip_damage();
  test_safetensors();
  test_half_floats();
  test_safetensors_damage();
  return ranvier::testing::result();
}
