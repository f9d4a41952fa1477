#include "tests/support/certificates.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/process.h"

namespace tierwatch {
namespace {

void OpenSsl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  const ProcessResult result = RunProcess(std::move(arguments));
  EXPECT_EQ(result.status, 0) << result.output;
}

const std::vector<std::string> kNewKey{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                                       "-nodes"};

std::vector<std::string> With(std::vector<std::string> words,
                              const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

Certificates::Certificates() {
  MakeAuthority("ca");
  MakeAuthority("other-ca");
  MakeLeaf("server", "subjectAltName=DNS:localhost,DNS:cache.test,IP:127.0.0.1");
  MakeLeaf("client", "subjectAltName=DNS:client.test");
}

void Certificates::MakeAuthority(const std::string& name) const {
  OpenSsl(With({"req", "-x509", "-days", "30", "-subj", "/CN=" + name, "-keyout",
                Path(name + ".key"), "-out", Path(name + ".pem")},
               kNewKey));
}

void Certificates::MakeLeaf(const std::string& name, const std::string& alternative_names) const {
  OpenSsl(With(
      {"req", "-subj", "/CN=" + name, "-keyout", Path(name + ".key"), "-out", Path(name + ".csr")},
      kNewKey));
  const std::string extensions = dir_.Write(name + ".ext", alternative_names + "\n");
  OpenSsl({"x509", "-req", "-days", "30", "-in", Path(name + ".csr"), "-CA", Path("ca.pem"),
           "-CAkey", Path("ca.key"), "-CAcreateserial", "-extfile", extensions, "-out",
           Path(name + ".pem")});
}

}  // namespace tierwatch
