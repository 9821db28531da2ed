// The only reader of the process's environment.
import type { Config } from './config.js';
import { InvalidSettingsError, parseSettings } from './parse-settings.js';

/** The configuration of this process. If settings are wrong, prints every fault and exits with 1. */
export function loadConfig(): Config {
  try {
    return parseSettings(process.env);
  } catch (error) {
    if (!(error instanceof InvalidSettingsError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}
