/** Whether the bucket has exactly these bytes under the key. */
export async function holdsBytes(bucket: R2Bucket, key: string, sha256: string): Promise<boolean> {
  const digest = (await bucket.head(key))?.checksums.toJSON().sha256;
  return digest === sha256;
}
