/** A child said what no child of ours says: it is broken or taken over, and is ended. */
export class ProtocolViolation extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ProtocolViolation";
  }
}
