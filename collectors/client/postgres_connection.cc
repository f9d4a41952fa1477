#include "collectors/client/postgres_connection.h"

#include <poll.h>

#include <utility>

#include "collectors/client/postgres_connect.h"

namespace tierwatch {
namespace {

#if PQXX_VERSION_MAJOR < 7
// Hands libpqxx 6 a connection that is open already, once: asked again (that is its reconnecting)
// it gives none.
class GiveOnce final : public pqxx::connectionpolicy {
 public:
  explicit GiveOnce(RawConnection raw) : connectionpolicy(std::string()), raw_(std::move(raw)) {}
  handle do_startconnect(handle held) override { return held != nullptr ? held : raw_.release(); }
  handle do_completeconnect(handle held) override { return held; }

 private:
  RawConnection raw_;
};
#endif

}  // namespace

#if PQXX_VERSION_MAJOR >= 7
class PostgresConnection::Adopted final : public pqxx::connection {
 public:
  explicit Adopted(RawConnection raw)
      : pqxx::connection(pqxx::connection::seize_raw_connection(raw.release())) {}
};
#else
class PostgresConnection::Adopted final : public pqxx::connection_base {
 public:
  explicit Adopted(RawConnection raw) : connection_base(policy_), policy_(std::move(raw)) {
    try {
      init();  // refuses a server that doesn't say its version
    } catch (...) {
      close();
      throw;
    }
  }
  ~Adopted() { close(); }

 private:
  GiveOnce policy_;
};
#endif

PostgresConnection::PostgresConnection(std::unique_ptr<Adopted> adopted)
    : adopted_(std::move(adopted)) {}
PostgresConnection::~PostgresConnection() = default;

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::Open(const PostgresAddress& address,
                                                                     const Secret& secret,
                                                                     const PostgresCall& call) {
  Result<RawConnection> raw = ConnectPostgres(address, secret, call);
  if (!raw.ok()) return std::move(raw).error();
  try {
    auto adopted = std::make_unique<Adopted>(*std::move(raw));
    return std::unique_ptr<PostgresConnection>(new PostgresConnection(std::move(adopted)));
  } catch (const std::exception& exception) {
    return Error{exception.what(), Reason::kConnect};
  }
}

int PostgresConnection::socket() const { return adopted_->sock(); }
int PostgresConnection::version() const { return adopted_->server_version(); }

bool PostgresConnection::IsAlive() const {
  if (!adopted_->is_open()) return false;
  pollfd state{socket(), POLLRDHUP, 0};
  return ::poll(&state, 1, 0) == 0;
}

pqxx::result PostgresConnection::Execute(const std::string& statements) {
  pqxx::nontransaction transaction(*adopted_);
  return transaction.exec(statements);
}

}  // namespace tierwatch
