// Node.js and node-postgres: the options of a pool that follows the leader.
//
// The name is looked up with getaddrinfo for each new connection, in one of four threads; a query that lictor holds keeps one of them. A program with many
// names needs more: UV_THREADPOOL_SIZE=16 in the environment.
module.exports = {
  host: 'master.pglab.service.consul',
  port: 5432,
  database: 'postgres',
  keepAlive: true,
  connectionTimeoutMillis: 8000, // longer than leader-hold (4 s)
  idleTimeoutMillis: 10000, // an idle connection is closed, and the next one goes to the present leader
  maxLifetimeSeconds: 300,
};
// After SQLSTATE 25006 (read-only) the client is on a former leader: client.release(true) destroys the connection.
