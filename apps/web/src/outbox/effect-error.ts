// The failure of an effect of the outbox.

export class EffectError extends Error {
  override readonly name = 'EffectError';

  /**
   * @param message what could not be done
   * @param details for the log: no content and no address
   * @param isFinal another attempt would fail too
   */
  constructor(
    message: string,
    readonly details: object,
    readonly isFinal: boolean,
  ) {
    super(message);
  }
}
