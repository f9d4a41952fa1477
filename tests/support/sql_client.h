// A client's own connection to a real PostgreSQL or PgBouncer, for tests.
#pragma once

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>
#include <string>

namespace tierwatch {

struct FinishSqlClient {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using SqlClient = std::unique_ptr<PGconn, FinishSqlClient>;

/// A client that isn't let in fails the test.
inline SqlClient ConnectSql(const std::string& url) {
  SqlClient client(PQconnectdb(url.c_str()));
  EXPECT_EQ(PQstatus(client.get()), CONNECTION_OK) << PQerrorMessage(client.get());
  return client;
}

}  // namespace tierwatch
