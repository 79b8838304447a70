/** Numbers in sentences. Indices, and numbers in documents and JSON, are written as they are. */

/** A whole number with thousands separators: `1,234,567`. Without Intl, whose first use takes 16 ms. */
export function formatCount(count: number | bigint): string {
  const whole = typeof count === "bigint" ? count : Math.round(count);
  return `${whole}`.replace(/\B(?=(\d{3})+$)/g, ",");
}
