// Forming and keeping a MySQL group.
export { accountStatements, type ClusterAccounts } from './accounts.js';
export { formGroup, keepGroup } from './form.js';
export { GroupKeeper, GroupTimeoutError, type GroupOptions, type GroupView } from './keeper.js';
export { observe, withConnection, type Credentials, type GroupNode, type Observation } from './node.js';
export { decide, type Decision, type Waiting } from './rule.js';
