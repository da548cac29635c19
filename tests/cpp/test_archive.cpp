// The .rv archive: round trips, foreign and damaged files, and thousands of mutated ones that must be read or refused.
#include <random>

#include "check.h"
#include "io_support.h"
#include "ranvier/io/archive.h"
#include "ranvier/io/text.h"
#include "ranvier/io/zip.h"

namespace {

using namespace ranvier;
using namespace ranvier::io;
using namespace ranvier::testing;

Archive some_archive() {
  Archive archive;
  archive.add("config.json", Json::parse(R"({"name": "net", "layers": [{"units": 3, "rate": 0.1, "act": null}]})"));
  archive.add("weights.safetensors", some_tensors());
  archive.add("optimizer.safetensors", NamedTensors{});
  archive.add("state.json", Json::parse("[1e-300, 3, 3.0]"));
  return archive;
}

std::string bytes_of(const Archive& archive) {
  const Folder folder;
  write_archive(folder / "m.rv", archive);
  return read_file(folder / "m.rv", 1'000'000);
}

std::string zip_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  const Folder folder;
  ZipWriter zip(folder / "a.zip");
  for (const auto& [name, text] : entries) zip.add(name, text);
  zip.finish();
  return read_file(folder / "a.zip", 1'000'000);
}

Archive read_bytes(const std::string& bytes) {
  const auto input = open_memory(as_bytes(bytes), "m.rv");
  return read_archive(*input);
}

void test_round_trip() {
  const Archive archive = some_archive();
  const Folder folder;
  write_archive(folder / "m.rv", archive);
  const Archive back = read_archive(folder / "m.rv");
  EXPECT(back.names() == std::vector<std::string>{"metadata.json", "config.json", "weights.safetensors",
                                                  "optimizer.safetensors", "state.json"});
  EXPECT(back.json("config.json") == archive.json("config.json"));
  EXPECT(back.json("state.json") == archive.json("state.json"));
  EXPECT(same(back.tensors("weights.safetensors"), archive.tensors("weights.safetensors")));
  EXPECT(back.tensors("optimizer.safetensors").empty());
  EXPECT(back.json("metadata.json").text("format") == "ranvier");
  EXPECT(back.json("metadata.json").integer("format_version") == 1);
  EXPECT(back.json("metadata.json").text("ranvier_version") == RANVIER_VERSION);
  EXPECT(bytes_of(archive) == read_file(folder / "m.rv", 1'000'000));
  EXPECT(bytes_of(back) == bytes_of(archive));

  Archive more = some_archive();
  more.add("metadata.json", Json::parse(R"({"format": "other", "format_version": 7, "note": "mine"})"));
  EXPECT(read_bytes(bytes_of(more)).json("metadata.json").dump() ==
         R"({"format":"ranvier","format_version":1,"ranvier_version":")" RANVIER_VERSION R"(","note":"mine"})");

  EXPECT(back.has("state.json") && !back.has("state"));
  EXPECT_THROWS(back.json("probe.json"), ValueError,
                "m.rv: expected an entry 'probe.json', found: metadata.json, config.json, weights.safetensors");
  EXPECT_THROWS(back.json("weights.safetensors"), ValueError, "holds tensors, expected JSON");
  EXPECT_THROWS(back.tensors("config.json"), ValueError, "holds JSON, expected tensors");
  EXPECT_THROWS(more.add("config.json", Json()), ValueError, "there is an entry 'config.json' already");
  EXPECT_THROWS(more.add("config", Json()), ValueError, "expected an entry name ending in .json, received 'config'");
  EXPECT_THROWS(more.add("w.json", NamedTensors()), ValueError, "ending in .safetensors, received 'w.json'");
}

void test_failed_write() {
  const Folder folder;
  write_archive(folder / "m.rv", some_archive());
  const std::string before = read_file(folder / "m.rv", 1'000'000);
  Archive bad = some_archive();
  bad.add("bad.safetensors", NamedTensors{{"a", Tensor()}});
  EXPECT_THROWS(write_archive(folder / "m.rv", bad), ValueError, "tensor 'a' has no value");
  EXPECT(read_file(folder / "m.rv", 1'000'000) == before);
  EXPECT(folder.files() == 1);
  EXPECT_THROWS(write_archive(folder / "none/m.rv", bad), FileError, "No such file or directory");
  EXPECT_THROWS(read_archive(folder / "none.rv"), FileError, "none.rv: cannot open: No such file or directory");
}

void test_foreign_files() {
  const auto fails = [](const std::string& bytes, const char* message) {
    EXPECT_THROWS(read_bytes(bytes), ValueError, message);
  };
  fails("\x89HDF\r\n\x1a\n and more", "m.rv: not a ranvier file (no zip directory found)");
  fails(zip_of({{"a.json", "{}"}}), "m.rv: not a ranvier file (a zip archive without metadata.json)");
  fails(zip_of({{"metadata.json", "[]"}}), "m.rv: not a ranvier file (its metadata.json does not say");
  fails(zip_of({{"metadata.json", R"({"format": "keras"})"}}), "m.rv: not a ranvier file (its metadata.json does not");
  fails(zip_of({{"metadata.json", R"({"format": "ranvier"})"}}),
        "m.rv: corrupted: metadata.json holds no format_version");
  fails(zip_of({{"metadata.json", R"({"format": "ranvier", "format_version": 2})"}, {"x.json", "?"}}),
        "m.rv: written by a newer ranvier (format 2, this version reads up to 1); upgrade ranvier");
  const std::string stamp = R"({"format": "ranvier", "format_version": 1, "later": true})";
  fails(zip_of({{"metadata.json", stamp}, {"config.json", "{\n\"a\" 1}"}}), "m.rv: config.json: line 2, column 5");
  fails(zip_of({{"metadata.json", stamp}, {"w.safetensors", "x"}}), "m.rv: w.safetensors: not a safetensors file");
  EXPECT(read_bytes(zip_of({{"metadata.json", stamp}, {"picture.png", "x"}})).names().size() == 1);
  std::vector<std::pair<std::string, std::string>> many{{"metadata.json", stamp}};
  for (int i = 0; i < 1000; ++i) many.emplace_back(std::to_string(i), "");
  fails(zip_of(many), "m.rv: the archive has 1001 entries, expected at most 1000");
}

// Every cut is refused; every changed byte is noticed or harmless (padding, attributes, dates).
void test_cuts_and_flips() {
  const Archive archive = some_archive();
  const std::string good = bytes_of(archive);
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROWS(read_bytes(good.substr(0, length)), ValueError, "m.rv: ");
  }
  const std::string data = write_safetensors(archive.tensors("weights.safetensors"));
  const std::size_t start = good.find(data);
  EXPECT(start != std::string::npos && start % 64 == 0);
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    if (at >= start && at < start + data.size()) {
      EXPECT_THROWS(read_bytes(bad), ValueError, "m.rv: corrupted: the checksum of weights.safetensors differs");
      continue;
    }
    try {
      const Archive read = read_bytes(bad);
      EXPECT(read.json("config.json") == archive.json("config.json"));
    } catch (const ValueError& error) {
      EXPECT(std::string(error.what()).find("m.rv: ") != std::string::npos);
    }
  }
}

using Random = std::mt19937;

std::size_t below(Random& random, std::size_t n) { return static_cast<std::size_t>(random()) % n; }

/// A few random edits: bytes set, numbers that like to break things, runs cut out, doubled or moved.
std::string mutated(std::string bytes, Random& random) {
  constexpr std::uint64_t evil[] = {0,
                                    1,
                                    0x7F,
                                    0xFF,
                                    0x7FFF,
                                    0xFFFF,
                                    0x7FFFFFFF,
                                    0xFFFFFFFF,
                                    0x8000000000000000,
                                    0xFFFFFFFFFFFFFFFF,
                                    0x7FFFFFFFFFFFFFFF,
                                    64,
                                    100'000'000};
  const std::size_t edits = 1 + below(random, 4);
  for (std::size_t i = 0; i < edits && !bytes.empty(); ++i) {
    const std::size_t at = below(random, bytes.size());
    const std::size_t run = std::min(1 + below(random, 40), bytes.size() - at);
    switch (below(random, 6)) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1: {
        const int width = 1 << below(random, 4);
        if (bytes.size() - at >= 8) bytes = patched(bytes, at, width, evil[below(random, std::size(evil))]);
        break;
      }
      case 2:
        bytes.erase(at, run);
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, run));
        break;
      case 4:
        bytes.insert(below(random, bytes.size()), bytes.substr(at, run));
        break;
      default:
        bytes[at] = "{}[]\",:0123456789-.eE\\utnf "[below(random, 27)];
    }
  }
  return bytes;
}

/// Runs f on mutations of `good`: each is accepted or refused with a ValueError whose text can be printed.
template <class F>
void fuzz(const std::string& good, unsigned seed, int rounds, F&& f) {
  Random random(seed);
  int accepted = 0;
  for (int i = 0; i < rounds; ++i) {
    const std::string bytes = mutated(good, random);
    try {
      f(bytes);
      ++accepted;
    } catch (const ValueError& error) {
      EXPECT(is_utf8(error.what()));
    } catch (const std::exception& error) {
      report(false, __FILE__, __LINE__, concat_text("round ", i, " threw something else: ", error.what()));
    }
  }
  EXPECT(accepted < rounds);
}

/// The archive of these bytes with right checksums: mutations get past them to the parsers behind.
std::string with_weights(const std::string& weights) {
  return zip_of({{"metadata.json", R"({"format": "ranvier", "format_version": 1})"}, {"w.safetensors", weights}});
}

void test_fuzz() {
  const std::string archive = bytes_of(some_archive());
  fuzz(archive, 1, 20'000, read_bytes);
  const std::size_t directory = archive.find("PK\x01\x02");
  fuzz(archive.substr(directory), 2, 5'000, [&](const std::string& tail) {  // all edits in the directory
    read_bytes(archive.substr(0, directory) + tail);
  });

  const std::string weights = write_safetensors(some_tensors(), {{"by", "ranvier"}});
  fuzz(weights, 3, 20'000, [](const std::string& bytes) {
    const TensorFile file = read_safetensors(as_bytes(bytes));
    EXPECT(same(read_safetensors(as_bytes(write_safetensors(file.tensors, file.metadata))).tensors, file.tensors));
  });
  fuzz(weights, 4, 300, [](const std::string& bytes) { read_bytes(with_weights(bytes)); });

  const std::string text =
      R"({"name": "caf\u00e9 \ud83d\ude00", "n": [1, -2.5e-3, 1e22, NaN, -Infinity], "x": {"a": null, "b": [true, [[]]]}})";
  fuzz(text, 5, 50'000, [](const std::string& bytes) {
    const Json value = Json::parse(bytes);
    EXPECT(Json::parse(value.dump()).dump() == value.dump());
  });
}

}  // namespace

int main() {
  test_round_trip();
  test_failed_write();
  test_foreign_files();
  test_cuts_and_flips();
  test_fuzz();
  return ranvier::testing::result();
}
