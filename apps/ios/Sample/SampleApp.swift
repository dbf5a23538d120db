import AdafocusScreens
import SwiftUI

// The whole sample app. The bundle is a file of the app, bundle.zip.
@main
struct SampleApp: App {
    var body: some Scene {
        WindowGroup { AdafocusScreens() }
    }
}
