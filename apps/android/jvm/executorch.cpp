// Runs modules of ExecuTorch for Kotlin on machines without Android. Built by apps/android/tools.

#include <jni.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <executorch/extension/data_loader/buffer_data_loader.h>
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>

using executorch::aten::ScalarType;
using executorch::extension::BufferDataLoader;
using executorch::extension::from_blob;
using executorch::extension::Module;
using executorch::extension::TensorPtr;
using executorch::runtime::Error;
using executorch::runtime::EValue;

namespace {

// in the order of ExecuTorch.kt
const ScalarType kTypes[] = {ScalarType::Byte, ScalarType::Char, ScalarType::Int, ScalarType::Float};

void refuse(JNIEnv* env, const std::string& what, Error error) {
  const std::string sentence =
      "ExecuTorch does not run this graph: " + what + " gives the error " + std::to_string(static_cast<int>(error)) + ".";
  jclass kind = env->FindClass("adafocus/AdafocusException");
  jmethodID make = env->GetMethodID(kind, "<init>", "(Ljava/lang/String;Ljava/lang/Throwable;)V");
  jobject problem = env->NewObject(kind, make, env->NewStringUTF(sentence.c_str()), nullptr);
  env->Throw(static_cast<jthrowable>(problem));
}

}  // namespace

extern "C" JNIEXPORT jlong JNICALL Java_adafocus_jvm_Native_open(JNIEnv* env, jclass, jobject model) {
  auto loader = std::make_unique<BufferDataLoader>(
      env->GetDirectBufferAddress(model), static_cast<size_t>(env->GetDirectBufferCapacity(model)));
  auto module = std::make_unique<Module>(std::move(loader));
  const Error error = module->load_forward();
  if (error != Error::Ok) {
    refuse(env, "opening it", error);
    return 0;
  }
  return reinterpret_cast<jlong>(module.release());
}

extern "C" JNIEXPORT void JNICALL Java_adafocus_jvm_Native_run(
    JNIEnv* env, jclass, jlong module, jobjectArray inputs, jobjectArray shapes, jintArray types, jobjectArray outputs) {
  std::vector<TensorPtr> tensors;
  std::vector<EValue> values;
  const jsize count = env->GetArrayLength(inputs);
  std::vector<jint> kinds(count);
  env->GetIntArrayRegion(types, 0, count, kinds.data());
  for (jsize place = 0; place < count; ++place) {
    auto shape = static_cast<jintArray>(env->GetObjectArrayElement(shapes, place));
    std::vector<executorch::aten::SizesType> sides(env->GetArrayLength(shape));
    env->GetIntArrayRegion(shape, 0, static_cast<jsize>(sides.size()), reinterpret_cast<jint*>(sides.data()));
    void* bytes = env->GetDirectBufferAddress(env->GetObjectArrayElement(inputs, place));
    tensors.push_back(from_blob(bytes, sides, kTypes[kinds[place]]));
    values.emplace_back(tensors.back());
  }
  auto found = reinterpret_cast<Module*>(module)->forward(values);
  if (!found.ok()) {
    refuse(env, "running it", found.error());
    return;
  }
  const jsize wanted = env->GetArrayLength(outputs);
  if (static_cast<size_t>(wanted) != found->size()) {
    refuse(env, "counting its outputs", Error::InvalidState);
    return;
  }
  for (jsize place = 0; place < wanted; ++place) {
    jobject target = env->GetObjectArrayElement(outputs, place);
    const auto& tensor = found.get()[place].toTensor();
    if (static_cast<jlong>(tensor.nbytes()) != env->GetDirectBufferCapacity(target)) {
      refuse(env, "reading its outputs", Error::InvalidState);
      return;
    }
    std::memcpy(env->GetDirectBufferAddress(target), tensor.const_data_ptr(), tensor.nbytes());
  }
}

extern "C" JNIEXPORT void JNICALL Java_adafocus_jvm_Native_close(JNIEnv*, jclass, jlong module) {
  delete reinterpret_cast<Module*>(module);
}
