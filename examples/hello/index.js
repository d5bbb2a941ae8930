// oxlint-disable no-unused-vars -- the class is the one of the strategy document, kept as it is there
// Basic plugin template
export default class MyPlugin {
  async onActivate(api) {
    api.log("info", "Plugin activated");
  }

  async onDeactivate() {
    // Cleanup
  }

  // API endpoints
  async handleRequest(request) {
    return { message: "Hello from plugin!" };
  }
}
