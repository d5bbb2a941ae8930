/**
 * Byte layout of the ZIP records (APPNOTE 4.3.7, 4.3.12, 4.3.16), little endian.
 *
 * Local header, 30 bytes + name          Central header, 46 bytes + name
 *  0 u32 0x04034b50                       0 u32 0x02014b50
 *                                         4 u16 version made by, system in the high byte
 *  4 u16 version needed                   6 ┐
 *  6 u16 flags                            8 │
 *  8 u16 method                          10 │
 * 10 u32 time and date                   12 │ the 26 bytes of a local header
 * 14 u32 CRC-32                          16 │ from version to extra length
 * 18 u32 packed size                     20 │
 * 22 u32 size                            24 │
 * 26 u16 name length                     28 │
 * 28 u16 extra length                    30 ┘
 *                                        32 u16 comment length
 *                                        34 u16 disk, 36 u16 internal attributes
 *                                        38 u32 external attributes
 *                                        42 u32 offset of the local header
 *
 * End record, 22 bytes: 0 u32 0x06054b50, 4 u16 disk, 6 u16 disk of the directory,
 * 8 u16 entries on this disk, 10 u16 entries, 12 u32 directory size, 16 u32 directory offset,
 * 20 u16 comment length.
 */
export const ZIP = {
  local: 0x04034b50,
  localBytes: 30,
  central: 0x02014b50,
  centralBytes: 46,
  end: 0x06054b50,
  endBytes: 22,
  /** Bytes 4–29 of a local header equal bytes 6–31 of the central one. */
  sharedBytes: 26,
  stored: 0,
  deflated: 8,
  /** Every entry's time: 1980-01-01 00:00:00, whatever the time zone. */
  time: ((1 << 5) | 1) << 16,
} as const;
