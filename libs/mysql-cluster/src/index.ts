// What @roam/mysql-cluster offers.
export { MysqlCluster } from './cluster.js';
export { ClusterUnavailableError, failureOf, TransactionError } from './errors.js';
export type { MysqlDriver, TypeormDriverOptions } from './typeorm-driver.js';
export type {
  Cluster,
  ClusterOptions,
  ClusterStats,
  KeyedSelect,
  KeyedUpdate,
  NodeStatus,
  Parameter,
  ReadOptions,
  RetryOptions,
  Statement,
  Transaction,
  WriteOptions,
  WriteSummary,
} from './types.js';
