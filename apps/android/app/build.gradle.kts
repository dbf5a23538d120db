import java.security.MessageDigest

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "adafocus.app"
    compileSdk = libs.versions.compileSdk.get().toInt()
    defaultConfig {
        minSdk = libs.versions.minSdk.get().toInt()
        targetSdk = libs.versions.compileSdk.get().toInt()
        versionCode = 1
        versionName = "0.1.0"
    }
    sourceSets.getByName("main") {
        manifest.srcFile("AndroidManifest.xml")
        kotlin.setSrcDirs(listOf("src"))
        res.setSrcDirs(listOf("res"))
        assets.setSrcDirs(listOf("assets"))
    }
    // a bundle is mapped out of the app, so it must lie there as it is
    androidResources.noCompress += "zip"
    buildTypes.getByName("release") {
        isMinifyEnabled = true
        proguardFiles("keep.pro")
    }
}

kotlin.jvmToolchain(17)

dependencies {
    implementation(project(":library"))
    // the runtime of the bundle: one of litert, executorch and onnxruntime
    implementation(libs.litert)
}

// ./gradlew :app:assembleDebug -Psha256=...: the bundle in assets must be the one that was exported
val checkBundle by tasks.registering {
    val bundle = layout.projectDirectory.file("assets/bundle.zip").asFile
    val wanted = providers.gradleProperty("sha256").orNull
    doLast {
        if (!bundle.isFile) throw GradleException(
            "There is no $bundle. Copy a bundle there: adafocus export --device android"
        )
        val found =
            MessageDigest.getInstance("SHA-256").digest(bundle.readBytes()).joinToString("") { "%02x".format(it) }
        if (wanted != null && wanted != found) throw GradleException(
            "$bundle has the SHA-256 $found, expected $wanted."
        )
    }
}
tasks.named("preBuild") { dependsOn(checkBundle) }
