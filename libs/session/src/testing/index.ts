// @roam/session/testing: the contract kit.
export {};
