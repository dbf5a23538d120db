// Cameras, video files and the runtimes of Android. An app adds the runtime that it uses; the others may stay away.
plugins {
    alias(libs.plugins.android.library)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "adafocus.android"
    compileSdk = libs.versions.compileSdk.get().toInt()
    defaultConfig.minSdk = libs.versions.minSdk.get().toInt()
    sourceSets.getByName("main").kotlin.setSrcDirs(listOf("src"))
}

kotlin.jvmToolchain(17)

dependencies {
    api(project(":core"))
    compileOnly(libs.litert)
    compileOnly(libs.executorch)
    compileOnly(libs.onnxruntime)
}
