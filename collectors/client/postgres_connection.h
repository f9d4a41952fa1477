// One open PostgreSQL connection: libpq opens it within a deadline, libpqxx speaks over it.
#pragma once

#include <memory>
#include <pqxx/pqxx>
#include <string>

#include "base/result.h"
#include "collectors/client/postgres_client.h"

namespace tierwatch {

/// Not thread-safe. Once broken it stays broken: libpqxx's silent reconnecting is off.
class PostgresConnection {
 public:
  /// libpqxx connects without a deadline of less than 2 s and without a way to stop it, so libpq
  /// does it step by step.
  static Result<std::unique_ptr<PostgresConnection>> Open(const PostgresAddress& address,
                                                          const Secret& secret,
                                                          const PostgresCall& call);
  ~PostgresConnection();

  int socket() const;
  int version() const;
  /// False where the server has hung up since the last query.
  bool IsAlive() const;
  /// The one function that throws: what libpqxx throws. The last statement's result.
  pqxx::result Execute(const std::string& statements);

 private:
  class Adopted;
  explicit PostgresConnection(std::unique_ptr<Adopted> adopted);
  std::unique_ptr<Adopted> adopted_;
};

}  // namespace tierwatch
